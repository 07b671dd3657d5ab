package console

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// leastMemory is the least that the server's memory is held to.
const leastMemory = 512 << 20

// memoryLimit is from how much memory on garbage is no longer left to gather: half of what the machine has, or of
// what the group that the process is in may have. 0 where neither is told. root is where /proc and /sys are.
func memoryLimit(root string) int64 {
	most := int64(math.MaxInt64)
	read := func(path string) string {
		b, _ := os.ReadFile(filepath.Join(root, path))
		return strings.TrimSpace(string(b))
	}
	for line := range strings.Lines(read("proc/meminfo")) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			if n, err := strconv.ParseInt(f[1], 10, 64); err == nil && n > 0 {
				most = min(most, n<<10)
			}
		}
	}
	for _, path := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if n, err := strconv.ParseInt(read(path), 10, 64); err == nil && n > 0 { // "max" is none
			most = min(most, n)
		}
	}
	if most == math.MaxInt64 {
		return 0
	}
	return max(most/2, leastMemory)
}

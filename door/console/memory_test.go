package console

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsHeldToHalfOfWhatThereIs(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"a machine":   {map[string]string{"proc/meminfo": "MemTotal:       8388608 kB\nMemFree: 1 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, 4 << 30},
		"a container": {map[string]string{"proc/meminfo": "MemTotal:       8388608 kB\n", "sys/fs/cgroup/memory.max": "2147483648\n"}, 1 << 30},
		"a small one": {map[string]string{"sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n"}, 512 << 20},
		"not told":    {nil, 0},
	} {
		root := t.TempDir()
		for path, text := range c.files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := memoryLimit(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

//go:build unix

package pgtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Citus makes and starts a cluster of a coordinator and workers, all on this machine. Tests
// that call it are skipped where PostgreSQL comes without Citus.
func Citus(t testing.TB, workers int, settings ...string) (coordinator *Cluster, all []*Cluster) {
	t.Helper()
	found, _ := filepath.Glob("/usr/share/postgresql/*/extension/citus.control")
	if bin(t); len(found) == 0 {
		t.Skip("skipped: PostgreSQL without Citus")
	}
	for range workers + 1 {
		port := free(t)
		c := Start(t, append([]string{"shared_preload_libraries = 'citus'", "listen_addresses = '127.0.0.1'", fmt.Sprint("port = ", port), "max_prepared_transactions = 200",
			"citus.node_conninfo = 'sslmode=prefer'", "citus.recover_2pc_interval = '1s'"}, settings...)...)
		c.run(t, "psql", c.URL(), "-q", "-c", "CREATE EXTENSION citus")
		all = append(all, c)
	}
	coordinator, workersOnly := all[0], all[1:]
	coordinator.run(t, "psql", coordinator.URL(), "-q", "-c", fmt.Sprintf("SELECT citus_set_coordinator_host('127.0.0.1', %d)", coordinator.port))
	for _, w := range workersOnly {
		coordinator.run(t, "psql", coordinator.URL(), "-q", "-c", fmt.Sprintf("SELECT citus_add_node('127.0.0.1', %d)", w.port))
	}
	return coordinator, workersOnly
}

// free returns a port that nobody listens on.
func free(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// portOf returns the port that settings name; 5432 when they name none.
func portOf(settings []string) int {
	port := 5432
	for _, s := range settings {
		if rest, ok := strings.CutPrefix(s, "port = "); ok {
			_, _ = fmt.Sscan(rest, &port)
		}
	}
	return port
}

// home is the environment of a server: it looks for certificates in its own folder.
func (c *Cluster) home() []string { return append(os.Environ(), "HOME="+c.dir) }

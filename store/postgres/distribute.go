package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/osler-emr/osler/base/fault"
)

// A database that has become too small for one server is spread by Citus: the tables of
// patients over the servers by the patient's number, all rows of a patient on one of them; the
// vocabulary is copied to each; all else stays with the coordinator.
//
// What differs for the store then:
//   - A commit is made on several servers, one after the other (two phases). Whoever reads the
//     new T must not miss what another server has not committed yet. A writer therefore holds a
//     lock until all have, and a reader waits for it before it looks (gate).
//   - Servers are looked at one after the other, so that one may show what came after T. It is
//     left out by its T, and its former version is found: a scattered record is always read as
//     of a moment (packed.Scattered).
//   - Rows of the coordinator are not joined with rows of patients: one is asked after the other.

// scattered says that a table of patients is distributed; 0 rows without Citus.
const scattered = `SELECT count(*) FROM pg_extension x, pg_catalog.pg_class c WHERE x.extname = 'citus' AND c.oid = to_regclass('resource')`

// spreadOver reports whether the tables of patients are distributed.
func spreadOver(ctx context.Context, c *pgx.Conn) (bool, error) {
	var n int
	if err := c.QueryRow(ctx, scattered).Scan(&n); err != nil || n == 0 {
		return false, err
	}
	err := c.QueryRow(ctx, "SELECT count(*) FROM pg_dist_partition WHERE logicalrelid = 'resource'::regclass AND partmethod = 'h'").Scan(&n)
	return n > 0, err
}

// DefaultShards is into how many pieces the tables of patients are cut. They move between
// servers as wholes: some multiple of the servers that a house may ever have.
const DefaultShards = 64

// Distribute spreads the record over the servers of a Citus cluster. It is to run while no
// process uses the record, and goes on where it was stopped. told is called before each table.
func (s *Store) Distribute(ctx context.Context, shards int, told func(table string)) error {
	if shards <= 0 {
		shards = DefaultShards
	}
	return plain(s.with(ctx, func(ctx context.Context, c *pgx.Conn) error {
		var installed bool
		if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')").Scan(&installed); err != nil {
			return err
		}
		if !installed {
			return fault.New(fault.NotSupported, "This database does not have the extension citus. Install Citus on all servers, run CREATE EXTENSION citus, and name the workers with citus_add_node.")
		}
		var workers int
		if err := c.QueryRow(ctx, "SELECT count(*) FROM pg_dist_node WHERE isactive AND shouldhaveshards AND noderole = 'primary'").Scan(&workers); err != nil {
			return err
		}
		if workers == 0 {
			return fault.New(fault.Invalid, "The cluster has no worker yet: name them with SELECT citus_add_node('host', 5432).")
		}
		done, err := distributedTables(ctx, c)
		if err != nil {
			return err
		}
		for _, table := range slices.Concat(references, distributed) {
			if done[table] {
				continue
			}
			if told != nil {
				told(table)
			}
			if err := distribute(ctx, c, table, shards); err != nil {
				return err
			}
		}
		return nil
	}))
}

// references are the tables that every server gets a copy of.
var references = []string{"param", "dict"}

// distributedTables returns the tables that Citus knows in the record's schema.
func distributedTables(ctx context.Context, c *pgx.Conn) (map[string]bool, error) {
	rows, err := c.Query(ctx, "SELECT c.relname FROM pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())")
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	done := map[string]bool{}
	for _, n := range names {
		done[n] = true
	}
	return done, err
}

// distribute issues the statement for a table; names and number are ours.
func distribute(ctx context.Context, c *pgx.Conn, table string, shards int) error {
	var err error
	switch {
	case slices.Contains(references, table):
		_, err = c.Exec(ctx, "SELECT create_reference_table($1)", table)
	case table == distributed[0]:
		_, err = c.Exec(ctx, "SELECT create_distributed_table($1, 'patient', colocate_with => 'none', shard_count => $2::int)", table, shards)
	default:
		_, err = c.Exec(ctx, "SELECT create_distributed_table($1, 'patient', colocate_with => $2)", table, distributed[0])
	}
	return err
}

// spread looks whether the record is distributed, and prepares the connections for it.
func (s *Store) spread(ctx context.Context) error {
	var on bool
	err := s.with(ctx, func(ctx context.Context, c *pgx.Conn) (err error) {
		on, err = spreadOver(ctx, c)
		return err
	})
	if err != nil || !on {
		return plain(err)
	}
	s.scattered = true
	s.pool.Reset() // connections made from now on are told (scatter)
	return nil
}

// scatter tells a connection of a distributed record how its statements are run: by one
// connection to each server, so that all statements of a transaction see one moment of it.
func (s *Store) scatter(ctx context.Context, c *pgx.Conn) error {
	if !s.scattered {
		return nil
	}
	_, err := c.Exec(ctx, "SELECT set_config('citus.max_adaptive_executor_pool_size', '1', false), set_config('citus.multi_shard_modify_mode', 'sequential', false)")
	return err
}

// gateKey is the lock that a writer of a distributed record holds until all servers have
// committed.
const gateKey = "hashtextextended('osler commit ' || current_schema(), 0)"

// pass waits until a commit that is under way has reached all servers.
func (s *Store) pass(ctx context.Context, c *pgx.Conn) error {
	if !s.scattered {
		return nil
	}
	_, err := c.Exec(ctx, "SELECT pg_advisory_lock_shared("+gateKey+"), pg_advisory_unlock_shared("+gateKey+")")
	return err
}

// hold begins what pass waits for, inside of a transaction.
func (s *Store) hold(b *pgx.Batch) {
	if s.scattered {
		b.Queue("SELECT pg_advisory_xact_lock(" + gateKey + ")")
	}
}

// halfCommitted reports whether a notice says that a server did not commit its part yet. Citus
// does so later, when the server is there again.
func halfCommitted(message string) bool {
	return strings.HasPrefix(message, "failed to commit transaction")
}

var errHalf = fault.Wrap(errLost, fault.Unavailable, "One server of the database went away while this was being stored. It will be there when the server is; until then it may not be seen. Look before you try again.")

// finish waits until all servers have committed their part of a transaction, for as long as a
// request waits. What is left is finished by the cluster.
func (s *Store) finish() error {
	limit, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		var left int
		err := s.with(limit, func(ctx context.Context, c *pgx.Conn) error {
			if _, err := c.Exec(ctx, "SELECT recover_prepared_transactions()"); err != nil {
				return err
			}
			return c.QueryRow(ctx, "SELECT count(*) FROM pg_dist_node WHERE isactive AND noderole = 'primary' AND shouldhaveshards AND NOT EXISTS (SELECT 1 FROM citus_check_cluster_node_health() h WHERE h.to_nodename = nodename AND h.to_nodeport = nodeport AND h.result)").Scan(&left)
		})
		if err == nil && left == 0 {
			return nil
		}
		select {
		case <-limit.Done():
			return errHalf
		case <-time.After(100 * time.Millisecond):
		}
	}
}

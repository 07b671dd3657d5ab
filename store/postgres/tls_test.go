package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/osler-emr/osler/base/fault"
)

// TestTheDatabaseIsReachedByTLS: over a network nothing but a verified server is spoken to.
func TestTheDatabaseIsReachedByTLS(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://osler@db.example/osler?sslmode=verify-full":                true,
		"postgres://osler@db.example/osler?sslmode=verify-ca":                  false,
		"postgres://osler@db.example/osler?sslmode=require":                    false,
		"postgres://osler@db.example/osler?sslmode=prefer":                     false,
		"postgres://osler@db.example/osler?sslmode=allow":                      false,
		"postgres://osler@db.example/osler?sslmode=disable":                    false,
		"postgres://osler@db.example/osler":                                    false,
		"postgres://osler@192.0.2.7/osler?sslmode=require":                     false,
		"postgres://osler@127.0.0.1,db.example/osler?sslmode=disable":          false,
		"postgres://osler@127.0.0.1/osler?sslmode=disable":                     true,
		"postgres://osler@[::1]/osler?sslmode=disable":                         true,
		"postgres://osler@localhost/osler":                                     true,
		"postgres:///osler?host=/var/run/postgresql&sslmode=disable":           true,
		"host=a.example,b.example user=osler dbname=osler sslmode=verify-full": true,
	} {
		c, err := pgxpool.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		if err := sealed(&c.ConnConfig.Config); (err == nil) != want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

// TestNear: a database on this machine shares its processors with what asks it.
func TestNear(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://u@localhost/d": true, "postgres://u@127.0.0.1:5432/d": true, "postgres://u@[::1]/d": true, "host=/var/run/postgresql dbname=d": true,
		"postgres://u@db.clinic.example/d": false, "postgres://u@10.1.2.3/d": false, "postgres://u@host:port:more/d": false,
	} {
		if Near(url) != want {
			t.Errorf("%s: %v", url, !want)
		}
	}
}

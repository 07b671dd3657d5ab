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

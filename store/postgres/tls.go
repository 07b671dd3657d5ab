package postgres

import (
	"crypto/tls"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/osler-emr/osler/base/fault"
)

// near reports whether a host is this machine.
func near(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// Near reports whether the database of a URL is on this machine, and shares its processors.
func Near(url string) bool {
	c, err := pgconn.ParseConfig(url)
	return err == nil && near(c.Host)
}

// sealed refuses what could send the record over a network in clear, or to somebody who only says
// that he is the database: a URL may name several servers, and ways to go on without TLS.
func sealed(c *pgconn.Config) error {
	refused := func(host string, t *tls.Config) bool {
		return !near(host) && (t == nil || t.InsecureSkipVerify)
	}
	bad := refused(c.Host, c.TLSConfig)
	for _, f := range c.Fallbacks {
		bad = bad || refused(f.Host, f.TLSConfig)
	}
	if bad {
		return fault.New(fault.Invalid, "The database is reached over a network, where others could read the record or pose as the database: put sslmode=verify-full into its URL, and sslrootcert=FILE when its certificate is of your own authority. Where the network itself is encrypted, allow it with --plain-database.")
	}
	return nil
}

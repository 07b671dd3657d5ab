package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/osler-emr/osler/base/fault"
)

// errLost is in every error of a connection that was lost.
var errLost = errors.New("the connection was lost")

func away(cause error) error {
	return fault.Wrap(errors.Join(errLost, cause), fault.Unavailable, "The database cannot be reached. Try again in a moment.")
}

// plain turns a database error into a fault, without the text of the statement and its
// values, in which there are patients.
func plain(err error) error {
	var f *fault.Error
	var e *pgconn.PgError
	switch {
	case err == nil, errors.As(err, &f):
		return err
	case errors.As(err, &e):
		return plainServer(e)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !lost(err):
		return err
	case lost(err):
		return away(hidden(err))
	}
	return fault.New(fault.Internal, "The database failed: %T.", err)
}

// hidden keeps the kind of an error and drops what may hold an address or a password.
func hidden(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) {
		return errors.New(dial.Op + " " + dial.Net + " failed")
	}
	return nil
}

func plainServer(e *pgconn.PgError) error {
	switch {
	case gone(e):
		return away(errors.New(e.Code))
	case e.Code == "57014": // query_canceled
		return fault.New(fault.Unavailable, "The request was given up before the database answered.")
	case e.Code == "55P03": // lock_not_available
		return fault.New(fault.Unavailable, "Another process holds the record for too long. Nothing was stored; try again.")
	case strings.HasPrefix(e.Code, "53"):
		return fault.New(fault.Unavailable, "The database has no room, no memory or no connection left (%s): nothing was stored.", e.Code)
	case e.Code == "25006" || e.Code == "25P03": // read only: a replica; idle in transaction
		return fault.New(fault.Unavailable, "The database takes no changes at the moment (%s): nothing was stored. Try again.", e.Code)
	case strings.HasPrefix(e.Code, "28"):
		return fault.New(fault.Forbidden, "The database refuses the user or the password.")
	case e.Code == "3D000":
		return fault.New(fault.NotFound, "The database named in the URL does not exist. Create it first.")
	}
	return fault.Wrap(errors.New(strings.TrimSpace(e.Severity+" "+e.Code+" "+e.Routine+" "+e.ConstraintName)), fault.Internal, "The database failed (%s).", e.Code)
}

// gone reports whether the server says that it goes away or is not up yet.
func gone(e *pgconn.PgError) bool {
	switch e.Code {
	case "57P01", "57P02", "57P03", "57P05", "25P03":
		return true
	}
	return strings.HasPrefix(e.Code, "08")
}

// held reports whether another transaction kept the lock of the head for too long.
func held(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == "55P03"
}

// lost reports whether the connection failed, so that nothing is known of what was last sent.
func lost(err error) bool {
	if err == nil {
		return false
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return gone(e)
	}
	if errors.Is(err, errLost) {
		return true
	}
	var f *fault.Error
	if errors.As(err, &f) {
		return false
	}
	var dial net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &dial) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || strings.Contains(err.Error(), "conn closed")
}

package oauth

import (
	"context"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// launched is a program that is being started from a chart: for whom, about whom.
type launched struct {
	Client  string    `json:"client"`
	Account string    `json:"account"`
	Session string    `json:"session"`
	Patient string    `json:"patient,omitempty"`
	Visit   string    `json:"encounter,omitempty"`
	Until   time.Time `json:"until"`

	key     string
	version int64
}

// Start begins a launch of a program by a person about a patient (and a visit) and returns
// the launch parameter, which says nothing by itself and works once, for that person and
// program, within five minutes. That the person may see the patient is the caller's to check.
func (s *Server) Start(ctx context.Context, who trust.Principal, client, patient, visit string) (string, error) {
	c, err := s.Client(ctx, client)
	if err != nil {
		return "", err
	}
	if c.Status != Approved || c.Launch == "" || !c.offered(who) || len(who.Scopes) > 0 {
		return "", fault.New(fault.Forbidden, "The program %s is not offered to you.", c.Name)
	}
	if who.Role == trust.Patient && patient != who.Patient {
		return "", fault.New(fault.NotFound, "There is no such record.")
	}
	until := s.Clock.Now().Add(LaunchFor)
	secret := ident.Secret()
	w, err := write(spaceLaunch, digest(secret), who.ID, launched{Client: client, Account: who.ID, Session: who.Session, Patient: patient, Visit: visit, Until: until}, until, 0)
	if err != nil {
		return "", err
	}
	return secret, s.commit(ctx, s.leaf(who, ledger.Keep, client, "start program "+c.Name, patient), w)
}

// launch returns what a launch parameter stands for, for a program.
func (s *Server) launch(ctx context.Context, secret, client string) (*launched, error) {
	l := launched{key: digest(secret)}
	version, found, err := s.read(ctx, spaceLaunch, l.key, &l)
	if err != nil {
		return nil, err
	}
	if !found || l.Client != client || !s.Clock.Now().Before(l.Until) {
		return nil, &Error{Code: "invalid_request", Text: "The launch is over or not for this program; start it again from the chart.", Tell: true}
	}
	l.version = version
	return &l, nil
}

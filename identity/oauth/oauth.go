// Package oauth lets programs in: it knows which are registered, what people have agreed to,
// and which tokens live. It is the authorization server of SMART App Launch 2.2 without HTTP,
// which is door/smart's affair.
//
//	request, err := server.Examine(ctx, place, parameters)         // what a program asks for
//	code, err := server.Issue(ctx, person, request, consent)       // the person agreed
//	client, err := server.Prove(ctx, place, credentials)           // who asks at the token endpoint
//	tokens, err := server.Redeem(ctx, place, client, parameters)   // code -> tokens
//	principal, err := server.Authenticate(ctx, token)              // on every request
//
// A Grant is what a person has opened for a program. Everything that the program holds, access
// tokens and refresh tokens, hangs on it: when the grant is gone, so are they, with the next
// request. A refresh token works once; whoever shows a used one ends the grant, because one of
// the two who had it has stolen it.
//
// Secrets are 256 random bits and kept as SHA-256. Every change is one Changeset with an audit
// leaf. What a scope opens is trust/policy's affair.
package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/outbound"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// The spaces of store items that oauth owns.
const (
	spaceClient  = "oauth-client"       // key: client id
	spaceLaunch  = "oauth-launch"       // key: SHA-256 of the launch parameter
	spaceCode    = "oauth-code"         // key: SHA-256 of the code
	spaceGrant   = identity.GrantsSpace // key: grant id; owner: the account
	spaceAccess  = "oauth-access"       // key: SHA-256 of the token; owner: the grant
	spaceRefresh = "oauth-refresh"      // key: SHA-256 of the token; owner: the grant
	spaceProof   = "oauth-proof"        // key: SHA-256 of client and jti of an assertion
	spaceKeys    = "oauth-keys"         // key: "signing"
)

// How long things live.
const (
	CodeFor    = 60 * time.Second
	LaunchFor  = 5 * time.Minute
	AccessFor  = 15 * time.Minute
	BackendFor = 5 * time.Minute
	GrantFor   = 365 * 24 * time.Hour // of an offline grant
	RefreshFor = 180 * 24 * time.Hour // of a refresh token that nobody uses
	PendingFor = 30 * 24 * time.Hour  // of a registration that nobody decides on
)

// Options of a Server.
type Options struct {
	Store    store.Store
	Accounts *identity.Accounts
	Clock    clock.Clock
	// Key seals the signing keys: 32 bytes.
	Key []byte
	// Guard decides which addresses of key sets may be fetched.
	Guard outbound.Guard
	Log   *slog.Logger
}

// Server keeps clients, grants and tokens. It is safe for concurrent use; several processes
// can share one store.
type Server struct {
	Options
	fetch *http.Client

	mu     sync.Mutex
	sets   map[string]fetchedKeys // by jwks_uri
	failed map[string]time.Time   // by program: its last failure that was audited
}

// Open returns the server of a store.
func Open(o Options) *Server {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{Options: o, fetch: o.Guard.Client(5 * time.Second), sets: map[string]fetchedKeys{}, failed: map[string]time.Time{}}
}

// Place is under which addresses a request found the server.
type Place struct {
	FHIR string // "https://clinic.example/fhir"
	// Known says that the address is the server's own for sure, and not only what a request calls it.
	Known bool
}

// Issuer is the address of the authorization server.
func (p Place) Issuer() string { return strings.TrimSuffix(p.FHIR, "/fhir") }

// Endpoint is the address of one of its endpoints: "token", "authorize", …
func (p Place) Endpoint(name string) string { return p.Issuer() + "/oauth/" + name }

// Error is a refusal in the words of OAuth (RFC 6749, 5.2): a code for the program and a
// sentence for whoever builds it.
type Error struct {
	Code string // invalid_request, invalid_client, invalid_grant, …
	Text string
	// Tell says that the redirect address is the program's own, so that the program may be
	// told; otherwise only the person is.
	Tell bool
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Text }

// Unwrap returns the fault for people.
func (e *Error) Unwrap() error {
	code := fault.Malformed
	switch e.Code {
	case "invalid_client", "invalid_token":
		code = fault.Unauthorized
	case "access_denied", "unauthorized_client":
		code = fault.Forbidden
	}
	return fault.New(code, "%s", e.Text)
}

func refuse(code, text string) *Error { return &Error{Code: code, Text: text} }

func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// concerning is a value that concerns a patient: it is sealed with the patient's keys, and
// destroyed with them.
type concerning interface{ concerns() string }

func (g grant) concerns() string      { return g.Patient }
func (a access) concerns() string     { return a.Patient }
func (r refreshing) concerns() string { return r.Patient }
func (c code) concerns() string       { return c.Grant.Patient }
func (l launched) concerns() string   { return l.Patient }

// write returns the write of an item with a JSON value.
func write(space, key, owner string, value any, expires time.Time, ifVersion int64) (store.ItemWrite, error) {
	b, err := json.Marshal(value)
	patient := ""
	if v, ok := value.(concerning); ok {
		patient = v.concerns()
	}
	return store.ItemWrite{Item: store.Item{Space: space, Key: key, Owner: owner, Patient: patient, Value: b, Expires: expires}, IfVersion: ifVersion}, err
}

func remove(space, key string, ifVersion int64) store.ItemWrite {
	return store.ItemWrite{Item: store.Item{Space: space, Key: key}, Delete: true, IfVersion: ifVersion}
}

// read decodes an item; found is false when there is none.
func (s *Server) read(ctx context.Context, space, key string, into any) (version int64, found bool, err error) {
	item, err := s.Store.Item(ctx, space, key)
	if fault.Is(err, fault.NotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return item.Version, true, json.Unmarshal(item.Value, into)
}

func (s *Server) commit(ctx context.Context, l *ledger.Leaf, items ...store.ItemWrite) error {
	_, err := s.Store.Commit(ctx, store.Changeset{Items: items, Leaf: l})
	return err
}

// leaf returns an audit leaf of a principal about a program.
func (s *Server) leaf(by trust.Principal, action ledger.Action, client, what string, patients ...string) *ledger.Leaf {
	l := &ledger.Leaf{Time: s.Clock.Now(), Actor: by.ID, Name: by.Name, Role: string(by.Role), Purpose: string(by.Purpose),
		Session: by.Session, Action: action, Query: what, Client: client, Door: "smart"}
	for _, p := range patients {
		if p != "" {
			l.Patients = append(l.Patients, p)
		}
	}
	return l
}

// again repeats an optimistic read and write while others win the race, a few times.
func again(f func() error) error {
	err := f()
	for tries := 0; tries < 8 && fault.Is(err, fault.Conflict); tries++ {
		err = f()
	}
	return err
}

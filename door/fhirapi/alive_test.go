package fhirapi

import (
	"context"
	"testing"
	"time"

	"github.com/osler-emr/osler/trust"
)

// TestAbuseH9SocketsOfAnEndedAccountClose: real connections that were open when the account ended
// are closed, and its token opens nothing any more.
func TestAbuseH9SocketsOfAnEndedAccountClose(t *testing.T) {
	h := open(t, watching(t))
	id := h.ask("POST", "/fhir/Subscription", with(with(with(heartRates, `"rest-hook"`, `"websocket"`), `"endpoint":"URL",`, ""), `,"header":["Authorization: Bearer very-secret"]`, "")).is(201).node.ID()
	h.becomes(id, "active")
	ended, other := h.socket(h.tokens[trust.Physician]), h.socket(h.tokens[trust.FrontDesk])
	say(t, ended, "bind "+id)
	if got := hear(t, ended); got != "bound "+id {
		t.Fatal(got)
	}
	a, err := h.accounts.FindByUser(t.Context(), "amara")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := h.accounts.Deactivate(t.Context(), trust.System("test"), a.ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, _, err := ended.Read(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("the socket of an ended account is open after %v: %v", time.Since(began), err)
	}
	t.Logf("closed after %v, checked every 300 ms", time.Since(began))
	h.ask("GET", "/fhir/Patient/rosa", "").is(401)
	say(t, other, "bind "+id) // somebody else's socket answers as before
	hear(t, other)
}

package fhirapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/trust"
)

// TestDownloadsOfAnEndedAccountBreakOff: a large content and the file of a bulk export that are
// under way when the account ends do not come to their end, neither for a client that reads on
// slowly nor for one that holds the connection and reads nothing.
func TestDownloadsOfAnEndedAccountBreakOff(t *testing.T) {
	letGo := make(chan struct{}, 100)
	h := open(t, func(h *house, o *Options) {
		o.While = func(ctx context.Context, p trust.Principal) (context.Context, context.CancelFunc) {
			ctx, stop := h.accounts.While(ctx, p)
			return ctx, func() { stop(); letGo <- struct{}{} }
		}
	})
	const size = 48 << 20
	r, err := http.NewRequestWithContext(t.Context(), "POST", h.url+"/fhir/Binary", noise(3, size))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"Authorization": "Bearer " + h.tokens[trust.Physician], "Content-Type": "video/mp4", "X-Security-Context": "Patient/rosa"} {
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || res.StatusCode != http.StatusCreated {
		t.Fatal(res, err)
	}
	res.Body.Close()
	content, _, _ := strings.Cut(res.Header.Get("Location"), "/_history")
	var notes []string
	for i := range 400 {
		notes = append(notes, fmt.Sprintf(`{"resourceType":"Basic","id":"n%d","code":{"text":"note"},"subject":{"reference":"Patient/rosa"},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">%s</div>"}}`, i, strings.Repeat("word ", 12_000)))
	}
	h.seed(notes...)
	h.clock.Advance(time.Minute)
	system := trust.System("test")
	account, err := h.accounts.FindByUser(t.Context(), "amara")
	if err != nil {
		t.Fatal(err)
	}
	issue := func(scope string) string {
		token, err := h.accounts.IssueToken(t.Context(), system, account.ID, []string{scope}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	for _, c := range []struct {
		name, scope, at string
		size            int64
	}{
		{"content", "user/*.rs", content, size},
		{"export", "system/*.rs", h.url + "/fhir/$export-file?type=Basic&level=system&at=" + h.clock.Now().Add(-time.Second).UTC().Format(instant), 400 * 60_000},
	} {
		for _, reading := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reading %v", c.name, reading), func(t *testing.T) {
				r, err := http.NewRequestWithContext(t.Context(), "GET", c.at, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+issue(c.scope))
				res, err := webtest.Line(t).RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				for len(letGo) > 0 {
					<-letGo
				}
				webtest.BreaksOff(t, res, c.size, reading, func() {
					if err := h.accounts.Deactivate(t.Context(), system, account.ID); err != nil {
						t.Fatal(err)
					}
				}, letGo)
				if err := h.accounts.Enable(t.Context(), system, account.ID); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
	r, _ = http.NewRequestWithContext(t.Context(), "GET", content, nil)
	r.Header.Set("Authorization", "Bearer "+issue("user/*.rs"))
	res, err = http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n, err := io.Copy(io.Discard, res.Body); n != size || err != nil {
		t.Errorf("the account that is back reads %d bytes, %v", n, err)
	}
}

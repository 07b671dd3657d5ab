package clinic

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// TestADocumentOfAnEndedAccountBreaksOff: a document that is on its way when the account ends does
// not come to its end, neither for a browser that reads on slowly nor for one that reads nothing.
func TestADocumentOfAnEndedAccountBreaksOff(t *testing.T) {
	h := openWith(t, identity.Options{Cost: identity.Cost{KiB: 64, Passes: 1}, PasswordAlone: true, CheckEvery: 200 * time.Millisecond})
	const size = 32 << 20
	d, _, err := chart.AddDocument(t.Context(), h.actor(trust.Physician, "anna"), chart.DocumentDraft{Patient: "maria", Kind: "18842-5", Title: "Scan", Date: "2026-11-02", Key: "k1", File: pdf(4, size), Limit: 2 * size})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := h.site.Handler(Area())
	if err != nil {
		t.Fatal(err)
	}
	letGo := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { letGo <- struct{}{} }()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	system := trust.System("test")
	account, err := h.site.Accounts.FindByUser(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	for _, reading := range []bool{true, false} {
		t.Run(fmt.Sprintf("reading %v", reading), func(t *testing.T) {
			anna := h.signedIn("anna").client
			anna.Transport = webtest.Line(t)
			r, err := anna.Get(server.URL + "/p/maria/documents/" + d.ID)
			if err != nil {
				t.Fatal(err)
			}
			for len(letGo) > 0 {
				<-letGo
			}
			webtest.BreaksOff(t, r, size, reading, func() {
				if err := h.site.Accounts.Deactivate(context.Background(), system, account.ID); err != nil {
					t.Fatal(err)
				}
			}, letGo)
			if err := h.site.Accounts.Enable(t.Context(), system, account.ID); err != nil {
				t.Fatal(err)
			}
		})
	}
}

package portal

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// TestAPatientsDownloadEndsWithTheAccount: a document that is on its way to a patient when the
// account ends does not come to its end, neither for a browser that reads on slowly nor for one
// that reads nothing.
func TestAPatientsDownloadEndsWithTheAccount(t *testing.T) {
	c := start(t)
	const maria, size = "maria.okafor", 24 << 20
	file := io.MultiReader(strings.NewReader("%PDF-1.7\n"), io.LimitReader(rand.NewChaCha8([32]byte{5}), size-9))
	d, _, err := chart.AddDocument(t.Context(), c.staff("anna.lindqvist"), chart.DocumentDraft{Patient: c.people[maria].Patient, Kind: "18842-5", Title: "Scan", Date: "2026-11-02", Key: "k1", File: file, Limit: 2 * size})
	if err != nil {
		t.Fatal(err)
	}
	letGo := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { letGo <- struct{}{} }()
		c.handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	system := trust.System("test")
	account, err := c.logins.FindByUser(t.Context(), maria)
	if err != nil {
		t.Fatal(err)
	}
	for _, reading := range []bool{true, false} {
		t.Run(fmt.Sprintf("reading %v", reading), func(t *testing.T) {
			c.enter(maria)
			client := c.clients[maria]
			client.Transport = webtest.Line(t)
			r, err := client.Get(server.URL + "/portal/documents/" + d.ID)
			if err != nil {
				t.Fatal(err)
			}
			for len(letGo) > 0 {
				<-letGo
			}
			webtest.BreaksOff(t, r, size, reading, func() {
				if err := c.logins.Deactivate(context.Background(), system, account.ID); err != nil {
					t.Fatal(err)
				}
			}, letGo)
			if err := c.logins.Enable(t.Context(), system, account.ID); err != nil {
				t.Fatal(err)
			}
		})
	}
}

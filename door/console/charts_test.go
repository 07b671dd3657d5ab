package console

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/clock"
	"github.com/osler-emr/osler/base/sample"
	"github.com/osler-emr/osler/exchange/bulk"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/trust"
)

// TestEveryImportedChartOpens imports whole lives that another program wrote and opens
// each chart with its pages.
func TestEveryImportedChartOpens(t *testing.T) {
	source := sample.Dir(t, "synthea", 30)
	ctx, stop := context.WithCancel(t.Context())
	p := &Program{Clock: clock.System{}, Out: io.Discard, Err: io.Discard}
	h, err := p.open(ctx, dataFlags{Data: filepath.Join(t.TempDir(), "record")}, true)
	if err != nil {
		t.Fatal(err)
	}
	im := bulk.Import{Actor: h.gate.As(trust.System("import"), "console"), Verify: true}
	report, err := im.Run(ctx, []string{source})
	if err != nil || report.Problems() > 0 || report.Different > 0 || report.Checked < 11000 {
		t.Fatalf("import: %v, %d problems, %d of %d differ", err, report.Problems(), report.Different, report.Checked)
	}
	by := trust.System("test")
	if _, err := h.accounts.Create(ctx, by, identity.Draft{User: "reader", Name: "Reader", Role: trust.Physician, Password: "a long enough password 9", TOTPSecret: drillFactor}); err != nil {
		t.Fatal(err)
	}
	_, secret, err := h.accounts.SignInAs(ctx, by, "reader", identity.Place{Address: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	ready, done := make(chan string, 1), make(chan error, 1)
	l := listenFlags{Listen: "127.0.0.1:0"}
	tcp, err := l.bind()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		done <- p.serve(ctx, h, p.site(h, "test"), tcp, l, outwardFlags{}, func(l *listening) error { ready <- l.address; return nil })
	}()
	base := <-ready
	actor := h.gate.As(by, "test")
	patients, err := actor.Find(ctx, "Patient", "_count=1000")
	if err != nil || len(patients) != 30 {
		t.Fatalf("%d patients, %v", len(patients), err)
	}
	for _, r := range patients {
		family := strings.ToUpper(r.Path("name.0.family").Text())
		for _, page := range []string{"", "/notes", "/results", "/medications", "/problems", "/allergies", "/vitals", "/orders", "/timeline", "/messages", "/charges", "/details", "/emergency"} {
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, base+"/p/"+r.ID()+page, nil)
			req.AddCookie(&http.Cookie{Name: "osler-session", Value: secret})
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != http.StatusOK || !strings.Contains(strings.ToUpper(string(body)), family) {
				t.Errorf("%s%s: status %d; the family name is shown: %v", r.ID(), page, res.StatusCode, strings.Contains(strings.ToUpper(string(body)), family))
			}
		}
	}
	stop()
	<-done
	h.store.Close()
}

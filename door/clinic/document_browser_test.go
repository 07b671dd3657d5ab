package clinic

import (
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestDocumentsInABrowser files a document and looks at the page in light, dark and on a phone.
func TestDocumentsInABrowser(t *testing.T) {
	h := open(t)
	h.signedIn("anna").file("/p/maria/documents", pdf(1, 2_400_000), "kind", "11502-2", "title", "Report from the laboratory", "date", "2026-11-02")
	b := webtest.Start(t)
	b.Open(h.url+"/sign-in", webtest.Desktop).SignIn(h.url, "anna", phrase)
	for _, v := range []webtest.View{webtest.Desktop, webtest.Dark, webtest.Phone} {
		p := b.Open(h.url+"/p/maria/documents", v)
		p.Check()
		p.Picture("documents-" + v.Name)
	}
}

package clinic

import (
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// outside are the parts of a page that are wider than the screen or than what holds them.
const outside = `[...document.querySelectorAll("body,main,section.card,table")].filter(e => e.scrollWidth > e.clientWidth+1 || e.getBoundingClientRect().right > innerWidth+1).map(e => e.tagName+"."+e.className)`

// TestPagesFitSmallScreens: on the usual laptop and on an old one nothing is cut off or lies under
// something else.
func TestPagesFitSmallScreens(t *testing.T) {
	h := open(t)
	h.ill()
	for _, v := range []webtest.View{{Name: "1280", Width: 1280, Height: 900}, {Name: "1024", Width: 1024, Height: 800, Dark: true}} {
		p := webtest.Start(t).Open(h.url+"/sign-in", v)
		p.SignIn(h.url, "anna", phrase)
		for name, path := range map[string]string{"prescribe": "/p/maria/prescribe?s=" + cotrimoxazole, "medications": "/p/maria/medications", "today": "/today", "inbox": "/inbox",
			"results": "/p/maria/results", "summary": "/p/maria", "orders": "/p/maria/orders", "schedule": "/schedule"} {
			p.Goto(h.url + path)
			p.Wait("main")
			p.Picture("fits-" + name + "-" + v.Name)
			for _, part := range webtest.Eval[[]string](p, outside) {
				t.Errorf("%s at %s pixels: %s is too wide", name, v.Name, part)
			}
			for _, part := range webtest.Eval[[]string](p, beyond) {
				t.Errorf("%s at %s pixels: %s stands beyond its place", name, v.Name, part)
			}
		}
	}
}

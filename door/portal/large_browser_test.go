package portal

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestLargeTextNeedsNoSidewaysScroll: with text of twice the size, and at four times the zoom (a window
// of 320 pixels), no page is wider than the window; what is unfolded too. A table scrolls in a box of
// its own, which the keyboard reaches.
func TestLargeTextNeedsNoSidewaysScroll(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	b.Open(c.url+"/sign-in", webtest.Phone).SignIn(c.url, "maria.okafor", password)
	dark := webtest.View{Name: "320-200", Width: 320, Height: 740, Touch: true, Dark: true}
	tags, whole := []string{"es", "ar"}, os.Getenv("OSLER_DRILL") != "" // the longest words, and from right to left
	if whole {
		tags = append(tags, "en")
	}
	for _, tag := range tags {
		c.send("maria.okafor", "/settings", url.Values{"language": {tag}})
		_, list := c.see("maria.okafor", "/portal/results")
		all := append([]string{c.must(list, `href="(/portal/results/[^"]+)"`), "/settings", "/settings/security", "/whose"}, pages...)
		_, list = c.see("maria.okafor", "/portal/visits")
		all = append(all, c.must(list, `href="(/portal/visits/[^"]+)"`))
		for _, v := range []struct {
			webtest.View
			text string
		}{{webtest.View{Name: "390-200", Width: 390, Height: 844, Touch: true}, "200%"}, {webtest.View{Name: "320", Width: 320, Height: 740, Touch: true}, ""}, {dark, "200%"}} {
			if v.Name != dark.Name && !(whole && tag == "ar") { // the narrowest is the strictest
				continue
			}
			if os.Getenv("OSLER_SCREENSHOTS") != "" {
				v.Height = 3600
			}
			p := b.Open(c.url+"/portal", v.View)
			for _, path := range all {
				p.Goto(c.url + path)
				webtest.Eval[bool](p, `(()=>{document.documentElement.style.fontSize="`+v.text+`";document.querySelectorAll("main details").forEach(d=>d.open=true);return true})()`)
				p.NoSideScroll()
				if cut := webtest.Eval[[]string](p, `[...document.querySelectorAll("main :is(section,form,fieldset,li,p,h1,h2,h3,button,a,table)")].filter(e=>!e.closest(".scx,.sr,svg")&&e.checkVisibility()).filter(e=>{const r=e.getBoundingClientRect();return r.width>1&&(r.right>innerWidth+1||r.left<-1)}).map(e=>e.outerHTML.slice(0,100)).slice(0,3)`); len(cut) > 0 {
					t.Errorf("%s in %s, %s: not on the screen: %q", path, tag, v.Name, cut)
				}
				if mute := webtest.Eval[int](p, `[...document.querySelectorAll("main .scx")].filter(e=>e.scrollWidth>e.clientWidth+1&&!(e.tabIndex>=0&&e.getAttribute("aria-label"))).length`); mute > 0 {
					t.Errorf("%s in %s, %s: %d boxes scroll that the keyboard does not reach", path, tag, v.Name, mute)
				}
				if path == "/portal/measure" || path == "/portal" {
					p.Picture("large-" + tag + "-" + v.Name + strings.ReplaceAll(path, "/", "-"))
				}
			}
		}
	}
}

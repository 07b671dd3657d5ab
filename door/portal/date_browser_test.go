package portal

import (
	"net/url"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// TestADateIsWrittenOutForPatients: the day of a measurement stands in words below its input, also
// without scripts, in the language of the reader.
func TestADateIsWrittenOutForPatients(t *testing.T) {
	c := start(t)
	for tag, want := range map[string]string{"en": "24 November 2026", "es": "24 de noviembre de 2026", "ar": "24 نوفمبر 2026"} {
		c.send("maria.okafor", "/settings", url.Values{"language": {tag}})
		_, page := c.see("maria.okafor", "/portal/measure/pressure")
		if got := c.must(page, `<output[^>]* id="f-date-written" for="f-date"[^>]*>([^<]*)</output>`); got != want {
			t.Errorf("%s: %q", tag, got)
		}
	}
	b := webtest.Start(t)
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	for _, v := range []webtest.View{webtest.Phone, {Name: "phone-dark", Width: 390, Height: 844, Dark: true, Touch: true}} {
		p := b.Open(c.url+"/portal/measure/weight", v)
		webtest.Eval[bool](p, `(()=>{const d=document.querySelector("#f-date");d.value="2026-11-03";d.dispatchEvent(new Event("input",{bubbles:true}));d.scrollIntoView();return true})()`)
		if got := p.Text("#f-date-written"); got != "3 نوفمبر 2026" && got != "3 November 2026" && got != "3 de noviembre de 2026" {
			t.Errorf("as typed: %q", got)
		}
		p.Check()
		p.Picture("date-portal-" + v.Name)
	}
}

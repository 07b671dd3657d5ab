package portal

import (
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity"
)

// TestPagesInABrowser checks every page on a phone and a tablet, light and dark, in English
// and from right to left.
func TestPagesInABrowser(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	dark := webtest.Phone
	dark.Name, dark.Dark = "phone-dark", true
	spanish := webtest.Phone
	spanish.Name = "phone-es"
	for _, reader := range []struct {
		user, language string
		views          []webtest.View
	}{
		{"maria.okafor", "en", []webtest.View{webtest.Phone, webtest.Tablet, dark}},
		{"maria.okafor", "es", []webtest.View{spanish}},
		{"yusuf.almasri", "ar", []webtest.View{webtest.Phone, webtest.Tablet, dark}},
	} {
		c.send(reader.user, "/settings", url.Values{"language": {reader.language}})
		_, list := c.see(reader.user, "/portal/results")
		all := append([]string{c.must(list, `href="(/portal/results/[^"]+)"`)}, pages...)
		_, list = c.see(reader.user, "/portal/visits")
		all = append(all, c.must(list, `href="(/portal/visits/[^"]+)"`))
		for i, v := range reader.views {
			if os.Getenv("OSLER_SCREENSHOTS") != "" {
				v.Height = 2400
			}
			p := b.Open(c.url+"/sign-in", v)
			if i == 0 {
				p.SignIn(c.url, reader.user, password)
			}
			for _, path := range all {
				p.Goto(c.url + path)
				p.Check()
				if !webtest.Eval[bool](p, `[...document.querySelectorAll(".chart text")].every(e=>getComputedStyle(e).direction==="ltr")`) {
					t.Errorf("%s: a value on a chart reads from right to left", path)
				}
				p.Picture(strings.Split(reader.user, ".")[0] + "-" + v.Name + strings.ReplaceAll(strings.ReplaceAll(path[:min(len(path), 30)], "/", "-"), "portal-", ""))
			}
		}
		p := b.Open(c.url+"/portal", webtest.Phone)
		p.Click(".um summary")
		p.Submit("form[action='/sign-out'] button")
	}
}

// TestARefillIsTwoTapsAway holds the budgets P1 and P2 of the home page.
func TestARefillIsTwoTapsAway(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	small := webtest.View{Name: "small", Width: 360, Height: 640, Touch: true}
	p := b.Open(c.url+"/sign-in", small)
	p.SignIn(c.url, "maria.okafor", password)
	p.Submit("a[href='/portal/medicines']")
	p.Submit("form[action='/portal/medicines/refill'] button")
	if p.Path() != "/portal/medicines" || !strings.Contains(p.Text("main"), "Refill asked for") {
		t.Errorf("after two taps: %s", p.Path())
	}
	p.Goto(c.url + "/portal")
	p.Submit("a[href^='/portal/results/']")
	if !webtest.Eval[bool](p, `(()=>{const e=document.querySelector(".big"),t=document.querySelector(".numline,.bx .tag");return e.getBoundingClientRect().bottom<=640&&t.getBoundingClientRect().bottom<=640})()`) {
		t.Error("value and meaning are not visible without scrolling on 360 by 640")
	}
}

// TestSettingsOnASmallPhone: how one signs in, and where, fits on 360 pixels in every language.
func TestSettingsOnASmallPhone(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	p := b.Open(c.url+"/sign-in", webtest.View{Name: "small", Width: 360, Height: 740, Touch: true})
	p.Check()
	p.SignIn(c.url, "maria.okafor", password)
	for _, tag := range []string{"en", "es", "ar"} {
		c.send("maria.okafor", "/settings", url.Values{"language": {tag}})
		for _, path := range []string{"/settings", "/settings/security", "/portal/none", "/people", "/whose"} {
			p.Goto(c.url + path)
			p.Check()
			if wide := webtest.Eval[int](p, `Math.max(0,...[...document.querySelectorAll("main *")].map(e=>e.getBoundingClientRect()).filter(r=>r.width>1&&r.height>1).map(r=>Math.max(r.right-innerWidth,-r.left)))|0`); wide > 0 {
				t.Errorf("%s in %s leaves the screen by %d pixels", path, tag, wide)
			}
			p.Picture("small-" + tag + strings.ReplaceAll(path, "/", "-"))
		}
	}
}

// TestTheBarAndTheMenuOnASmallPhone: what one goes on with can be read, also in larger letters: no
// name of the bar below is cut or meets the next, and the menu of the account stays on the screen,
// in colours that stand out.
func TestTheBarAndTheMenuOnASmallPhone(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	for _, reader := range []struct{ user, language string }{{"maria.okafor", "en"}, {"maria.okafor", "es"}, {"yusuf.almasri", "ar"}} {
		for _, theme := range []string{"light", "dark"} {
			c.send(reader.user, "/settings", url.Values{"language": {reader.language}})
			for _, width := range []int{390, 360, 320} {
				if theme == "dark" && width != 320 {
					continue
				}
				v := webtest.View{Name: "small-" + strconv.Itoa(width), Width: int64(width), Height: 740, Touch: true, Dark: theme == "dark"}
				p := b.Open(c.url+"/sign-in", v)
				if p.Path() == "/sign-in" {
					p.SignIn(c.url, reader.user, password)
				}
				p.Goto(c.url + "/settings") // the size is of the browser, not of the account
				p.Click("input[name=text][value=large]")
				p.Submit("form[action='/settings'] button")
				p.Goto(c.url + "/portal")
				if !webtest.Eval[bool](p, `"large" in document.documentElement.dataset && parseFloat(getComputedStyle(document.documentElement).fontSize)>=20`) {
					t.Fatal("the letters are not larger")
				}
				p.NoSideScroll()
				if cut := webtest.Eval[[]string](p, `(()=>{const out=[];let end=0;
				const list=[...document.querySelectorAll(".pnav a")].filter(e=>e.offsetWidth).map(e=>{const r=document.createRange();r.selectNodeContents(e);return {name:e.innerText,box:e.getBoundingClientRect(),text:r.getBoundingClientRect()}}).sort((a,b)=>a.box.left-b.box.left);
				for(const e of list){if(e.text.left<Math.max(e.box.left,end+1)||e.text.right>e.box.right)out.push(e.name);end=e.text.right}
				return list.length===5?out:["the bar has "+list.length+" names"]})()`); len(cut) > 0 {
					t.Errorf("%s, %d pixels: cut or touching in the bar: %q", reader.language, width, cut)
				}
				p.Click(".um summary")
				p.Check()
				if out := webtest.Eval[[]string](p, `(()=>[...document.querySelectorAll(".um .menu,.um .menu :is(a,button)")].filter(e=>{const r=e.getBoundingClientRect();return !r.width||r.left<0||r.right>innerWidth}).map(e=>e.outerHTML.slice(0,80)))()`); len(out) > 0 {
					t.Errorf("%s, %d pixels: not on the screen: %q", reader.language, width, out)
				}
				p.Picture("menu-" + reader.language + "-" + theme + "-" + strconv.Itoa(width))
				if theme == "dark" || width == 320 {
					p.Submit("form[action='/sign-out'] button")
				}
			}
		}
	}
}

// TestAPageLeftOpenIsCovered: a page that nobody touches is covered when its time is over, and says
// in its title no more what it was; a touch brings it back, with what was typed, while the session lasts.
// When the session is locked it goes to the lock, and the same person finds there what was typed.
func TestAPageLeftOpenIsCovered(t *testing.T) {
	b := webtest.Start(t)
	c := start(t)
	p := b.Open(c.url+"/sign-in", webtest.Phone)
	p.SignIn(c.url, "maria.okafor", password)
	p.Goto(c.url + "/portal/messages/new")
	p.Front()
	p.Type("main textarea", "Half a question.")
	title := webtest.Eval[string](p, "document.title")

	webtest.Eval[bool](p, `(()=>{const now=Date.now;Date.now=()=>now()+31*60000;return true})()`)
	until(t, "the page is covered", func() bool { return covered(p) })
	if said := webtest.Eval[string](p, "document.title"); said != "Osler" {
		t.Errorf("the covered page is called %q", said)
	}
	if said := shown(p); !strings.Contains(said, "Press a key") || strings.Contains(said, "not signed in") || strings.Contains(said, "in another tab") {
		t.Errorf("the cover of a page that nobody touched says %q", said)
	}
	p.Axe()
	p.NoSideScroll()
	p.Picture("portal-covered")
	time.Sleep(1100 * time.Millisecond) // a page that has just asked does not ask again
	p.Press("x")
	until(t, "a key uncovers it", func() bool { return !covered(p) })
	if said := webtest.Eval[string](p, "document.title"); said != title {
		t.Errorf("the page is called %q", said)
	}

	typed := func() string {
		t.Helper()
		return webtest.Eval[string](p, `document.querySelector("main textarea")?.value||""`)
	}
	if said := typed(); !strings.HasPrefix(said, "Half a question.") {
		t.Errorf("what was typed: %q", said)
	}

	// A message is kept as a draft: when the session is locked, its page can go. One that is not
	// kept yet stays where it was typed.
	until(t, "the draft is kept", func() bool {
		return webtest.Eval[bool](p, `![...document.querySelectorAll("draft-form")].some(d=>d.dirty)`)
	})
	c.clock.Advance(identity.PatientIdle + time.Minute)
	webtest.Eval[bool](p, `setTimeout(()=>document.dispatchEvent(new Event("visibilitychange")),50)>0`) // which leaves the page
	until(t, "a page whose session is locked goes to the lock", func() bool { return strings.HasPrefix(p.Path(), "/locked") })
	p.Type("#f-password", password)
	p.Submit("form[action='/locked'] button.primary")
	until(t, "the same person has it back", func() bool { return strings.HasPrefix(typed(), "Half a question.") })
	p.NoConsoleFaults()
}

// shown is what the cover says that can be read.
func shown(p *webtest.Page) string {
	return webtest.Eval[string](p, `[...document.querySelectorAll("#over p,#over a,#over h2 span")].filter(e=>e.checkVisibility()).map(e=>e.textContent).join(" ")`)
}

// covered says whether nothing of the record is on the screen, and the cover is.
func covered(p *webtest.Page) bool {
	return webtest.Eval[bool](p, `!!document.querySelector("#over")?.open && ![...document.querySelectorAll("header,main,.acting")].some(e=>e.checkVisibility())`)
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not so: ", what)
		}
	}
}

package clinic

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/trust"
)

// hostileNarratives are texts of sections that are well-formed XML and would act if they were markup here;
// EVIL is a server elsewhere.
func hostileNarratives() []string {
	const act = "window.acted=1;alert(1)"
	var list []string
	for _, name := range []string{"script", "x:script", "SCRIPT", "iframe", "object", "embed", "svg", "math", "style", "link", "meta", "base", "form", "video", "audio", "frame", "applet", "template", "noscript", "xml", "foreignObject", "animate"} {
		list = append(list, fmt.Sprintf(`<%[1]s xmlns:x="http://www.w3.org/1999/xhtml" src="EVIL/%[1]s" href="EVIL/%[1]s" data="EVIL/%[1]s" onload="%[2]s" srcdoc="&lt;script&gt;%[2]s&lt;/script&gt;">%[2]s</%[1]s>`, name, act))
	}
	for _, address := range []string{"javascript:" + act, "JaVaScRiPt:" + act, "java&#9;script:" + act, "java&#10;script:" + act, " javascript:" + act, "vbscript:" + act, "data:text/html,&lt;script&gt;" + act + "&lt;/script&gt;", "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==", "//EVIL/x", "EVIL/link", "file:///etc/passwd", "blob:EVIL/x"} {
		list = append(list, `<linkHtml href="`+address+`">press here</linkHtml>`, `<a href="`+address+`">press here</a>`)
	}
	for _, on := range []string{"onclick", "onmouseover", "onfocus", "onerror", "onload", "onanimationstart", "onpointerover", "ontoggle"} {
		list = append(list, fmt.Sprintf(`<content ID="h-%s" %s="%s" tabindex="0" autofocus="autofocus" style="background:url(EVIL/%s)" styleCode="Bold; background:url(EVIL/s)">hover</content>`, on, on, act, on))
	}
	return append(list,
		`<renderMultiMedia referencedObject="EVIL/picture"/>`, `<img src="EVIL/img" onerror="`+act+`"/>`, `<content ID="&quot;&gt;&lt;img src=x onerror=`+act+`&gt;">an id</content>`,
		`&lt;script&gt;`+act+`&lt;/script&gt;`, `&lt;img src="EVIL/text" onerror="`+act+`"&gt;`, `<![CDATA[<script>`+act+`</script><img src="EVIL/cdata" onerror="`+act+`">]]>`, `<![CDATA[</div></main><script>`+act+`</script>]]>`,
		`<paragraph styleCode="expression(`+act+`)">style</paragraph>`, `<!-- <script>`+act+`</script> -->`, `<?php echo 1 ?>`, `<?xml-stylesheet href="EVIL/css"?>`, `{{ constructor.constructor('`+act+`')() }}`, `<table><tr><td colspan="99999999" rowspan="99999999" background="EVIL/cell">wide</td></tr></table>`,
		`<list><item><content ID="src-0-x"><b onclick="`+act+`">deep</b></content></item></list>`)
}

// letterWith is a document about Maria whose every text is hostile.
func letterWith(narrative, text string) string {
	l := synthetic.Letter{Number: 66, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Visits: 1, Custodian: text, Title: text, Narrative: narrative, Street: text}
	return strings.Replace(string(l.Document()), "?>", "?>\n"+`<?xml-stylesheet type="text/xsl" href="EVIL/style.xsl"?>`, 1)
}

// TestAbuseC08DocumentsRunNothing shows documents in a browser whose texts would act if they were markup: no
// script runs, no window opens, nothing is asked of another server.
func TestAbuseC08DocumentsRunNothing(t *testing.T) {
	h := open(t)
	var asked atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	defer evil.Close()
	payloads := hostileNarratives()
	if len(payloads) < 50 {
		t.Fatalf("%d payloads", len(payloads))
	}
	body := letterWith(strings.Join(payloads, "\n"), `"><script>window.acted=1;alert(1)</script><img src="EVIL/name" onerror="window.acted=1">`)
	anna := h.signedIn("anna")
	page := anna.sendLetter("maria", strings.ReplaceAll(body, "EVIL", evil.URL), "key", "k")
	if !strings.HasSuffix(page.path, "/review") {
		t.Fatalf("not taken in: %d %s", page.status, regexp.MustCompile(`(?s)errsum.*?</ul>`).FindString(page.body))
	}
	b := webtest.Start(t)
	p := b.Open(h.url+"/sign-in", webtest.Desktop)
	p.SignIn(h.url, "anna", phrase)
	for _, path := range []string{page.path, strings.TrimSuffix(page.path, "review") + "whole", "/p/maria/documents", "/inbox"} {
		p.Goto(h.url + path)
		webtest.Eval[bool](p, `(()=>{for(const el of document.querySelectorAll(".src *")){for(const k of ["mouseover","pointerover","focus","click","toggle"])el.dispatchEvent(new Event(k,{bubbles:true}))}return true})()`)
		if webtest.Eval[bool](p, `"acted" in window`) {
			t.Errorf("%s: a script of the document ran", path)
		}
		if bad := webtest.Eval[[]string](p, `[...document.querySelectorAll(".src *, .imphead *")].filter(el=>/^(script|iframe|object|embed|style|link|meta|base|form|img|video|audio|frame|applet|template|math)$/i.test(el.localName)||[...el.attributes].some(a=>/^on/i.test(a.name)||a.name==="style"||/^\s*(javascript|data|vbscript|file|blob):/i.test(a.value)||a.value.includes(`+fmt.Sprintf("%q", evil.URL)+`))).map(el=>el.outerHTML.slice(0,120))`); len(bad) > 0 {
			t.Errorf("%s: markup of the document is in the page: %q", path, bad)
		}
		if out := webtest.Eval[[]string](p, `performance.getEntriesByType("resource").map(e=>e.name).filter(n=>!n.startsWith(location.origin))`); len(out) > 0 {
			t.Errorf("%s asks other servers: %q", path, out)
		}
		p.NoConsoleFaults()
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("another server was asked %d times", n)
	}
}

// TestAbuseC08DocumentsThatBreakOut: a document with a DOCTYPE, one that is too deep, too large or none is refused with
// the reason, and nothing of it is kept. A huge table is shown, and does not take the page.
func TestAbuseC08DocumentsThatBreakOut(t *testing.T) {
	h := open(t)
	anna := h.signedIn("anna")
	declares := func(narrative, doctype string) string {
		return strings.Replace(letterWith(narrative, "y"), "?>", "?>"+doctype, 1)
	}
	for name, c := range map[string]struct{ body, says string }{
		"external entity": {declares("&x;", `<!DOCTYPE ClinicalDocument [<!ENTITY x SYSTEM "file:///etc/passwd">]>`), "a DOCTYPE"},
		"laughs":          {declares("&c;", `<!DOCTYPE ClinicalDocument [<!ENTITY a "`+strings.Repeat("ha", 500)+`"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>`), "a DOCTYPE"},
		"unused entity":   {declares("z", `<!DOCTYPE ClinicalDocument [<!ENTITY x "y">]>`), "a DOCTYPE"},
		"external subset": {declares("z", `<!DOCTYPE ClinicalDocument SYSTEM "http://evil.example/cda.dtd">`), "a DOCTYPE"},
		"plain":           {declares("z", `<!DOCTYPE ClinicalDocument>`), "a DOCTYPE"},
		"small letters":   {declares("z", `<!doctype ClinicalDocument>`), "cannot be read at line"},
		"entity":          {letterWith("&x;", "y"), "an entity"},
		"depth":           {letterWith(strings.Repeat("<content>", 100_000)+strings.Repeat("</content>", 100_000), "y"), "more than 100 levels"},
		"another thing":   {`<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>`, "no ClinicalDocument"},
		"unclosed":        {letterWith("<content>", "y"), "cannot be read at line"},
	} {
		a := anna.sendLetter("maria", c.body, "key", name)
		if a.status != http.StatusUnprocessableEntity || !a.says(c.says) {
			t.Errorf("%s: %d, %s", name, a.status, regexp.MustCompile(`(?s)errsum.*?</ul>`).FindString(a.body))
		}
		if strings.Contains(a.body, "root:") || strings.Contains(a.body, "haha") || strings.Contains(a.body, "alert(1)") {
			t.Errorf("%s: something of the document is on the page", name)
		}
	}
	if c, err := chart.Read(t.Context(), h.actor(trust.Physician, "anna"), "maria"); err != nil || len(c.Documents) != 0 {
		t.Errorf("%d of them are filed, %v", len(c.Documents), err)
	}
	rows := strings.Repeat("<tr><td>"+strings.Repeat("x", 30)+"</td><td>y</td></tr>", 20_000)
	a := anna.sendLetter("maria", letterWith("<table><tbody>"+rows+"</tbody></table>", "Large"), "key", "large")
	if a.status != http.StatusOK || !strings.HasSuffix(a.path, "/review") || len(a.body) > 8<<20 {
		t.Errorf("a huge table: %d %s, %d MB", a.status, a.path, len(a.body)>>20)
	}
}

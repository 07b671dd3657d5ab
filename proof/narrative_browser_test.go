package proof

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/validate"
)

// pieces are what narratives are put together from: harmless ones, and those by which sanitisers
// were fooled (comments and texts that a browser ends elsewhere, elements that change how it
// parses, entities in addresses, names in other cases and namespaces).
var pieces = []string{
	`<p>`, `</p>`, `<b>`, `</b>`, `<table>`, `</table>`, `<tbody>`, `</tbody>`, `<tr>`, `</tr>`, `<td>`, `</td>`, `<a href="x">`, `</a>`, `<br/>`, `<hr/>`, `text `, `&amp;`, `&lt;`, `&gt;`, `&#60;`, `&#x3c;`, `&nbsp;`, ` `,
	`<a name="`, `<a title="`, `<img alt="`, `<p title='`, `">`, `"/>`, `'>`, `--`, `<!--`, `-->`, `--!>`, `<!-->`, `<!--->`, `]]>`, `<![CDATA[`, `<?`, `?>`, `<!`,
	`<img src=x onerror=window.acted=1>`, `<img src="x" onerror="window.acted=1"/>`, `<script>window.acted=1</script>`, `<svg>`, `</svg>`, `<math>`, `</math>`, `<mtext>`, `<mglyph>`, `<style>`, `</style>`, `<noscript>`, `</noscript>`, `<title>`, `</title>`, `<textarea>`, `</textarea>`, `<xmp>`, `</xmp>`, `<plaintext>`, `<template>`, `</template>`, `<select>`, `</select>`, `<form>`, `</form>`,
	`<a href="javascript:window.acted=1">`, `<a href="&#106;avascript:window.acted=1">`, `<a href="java&#10;script:x">`, `<a href=" javascript:x">`, `<a href="data:text/html,x">`, `<iframe srcdoc="x"/>`, `<object data="x"/>`, `<p style="background:url(https://evil.example)">`, `<p onclick="x">`, `<P>`, `</P>`, `<h:script xmlns:h="http://www.w3.org/1999/xhtml">`, `<x:p xmlns:x="y">`, `<p xmlns="http://www.w3.org/2000/svg">`, "\x00", "\u2028", `&`, `&#0;`, `&colon;`, `&Tab;`,
}

// active finds, in Chromium, the narratives of a list that hold something that acts, read as HTML
// as well as XHTML, and those that leave their own element.
const active = `((list) => {
  const bad = [];
  const acts = (root) => [...root.querySelectorAll("*")].some((el) => /^(script|iframe|object|embed|form|input|button|svg|math|style|link|meta|base|video|audio|template|noscript|frame|frameset)$/i.test(el.localName) ||
    [...el.attributes].some((a) => /^on/i.test(a.localName) || (/^(href|src|action|formaction|xlink:href)$/i.test(a.name) && /^[\s\u0000-\u0020]*(javascript|vbscript|data:(?!image\/(png|jpeg|gif|webp);))/i.test(a.value.replace(/[\t\n\r]/g, ""))) || (a.localName === "style" && /expression|url\(/i.test(a.value))));
  for (const [i, div] of list.entries()) {
    const html = new DOMParser().parseFromString("<main>" + div + "</main><p id=after></p>", "text/html");
    const after = html.getElementById("after");
    if (acts(html.body) || !after || after.parentElement !== html.body) { bad.push(i); continue; }
    const xml = new DOMParser().parseFromString(div, "application/xhtml+xml");
    if (!xml.querySelector("parsererror") && acts(xml)) bad.push(i);
  }
  return bad.map((i) => list[i]).slice(0, 5);
})`

// TestAbuseC10Differential: narratives made of pieces at random: none that the checker lets
// through has an active part, or leaves its place in the page, for Chromium's parsers.
func TestAbuseC10Differential(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	var passed []string
	const tried = 60_000
	for range tried {
		var b strings.Builder
		b.WriteString(`<div xmlns="http://www.w3.org/1999/xhtml">a`)
		var ends []string
		for range 1 + rng.IntN(5) {
			p := pieces[rng.IntN(len(pieces))]
			if rng.IntN(3) == 0 { // what begins ends, so that more of them are well-formed
				if name, ok := strings.CutPrefix(p, "<"); ok && !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "!") && strings.HasSuffix(name, ">") && !strings.HasSuffix(name, "/>") {
					if f := strings.Fields(strings.TrimSuffix(name, ">")); len(f) > 0 {
						ends = append([]string{"</" + f[0] + ">"}, ends...)
					}
				}
			}
			b.WriteString(p)
		}
		b.WriteString(strings.Join(ends, "") + `</div>`)
		r := fhir.Obj("resourceType", "Patient", "text", fhir.Obj("status", "generated", "div", b.String()))
		if len(validate.Resource(r)) == 0 {
			passed = append(passed, b.String())
		}
	}
	if len(passed) < 500 {
		t.Errorf("only %d of %d narratives are let through: they prove little", len(passed), tried)
	}
	list, err := json.Marshal(passed)
	if err != nil {
		t.Fatal(err)
	}
	p := webtest.Start(t).Open("about:blank", webtest.Desktop)
	if bad := webtest.Eval[[]string](p, active+"("+string(list)+")"); len(bad) > 0 {
		t.Errorf("let through, and active in a browser: %q", bad)
	}
	if bad := webtest.Eval[[]string](p, active+`(["<div><img src=x onerror=y></div>", "<div>fine</div>", "<div><a href='java&#10;script:x'>a</a></div>", "</div></main><p>out"])`); len(bad) < 2 {
		t.Errorf("the browser's check finds %q only", bad)
	}
	t.Logf("%d of %d narratives are let through", len(passed), tried)
}

// mutations are narratives that look harmless to one parser and act in another, by the ways in
// which sanitisers were fooled: what a browser moves, closes or renames while it parses, what only
// looks like a text or a comment, and what becomes another when it is written and parsed again.
func mutations() (list []string) {
	const act = `<img src="x" onerror="window.acted=1"/>`
	const hidden = `&lt;img src=x onerror=window.acted=1&gt;`
	// Elements whose content one parser takes for text and the other for markup.
	for _, raw := range []string{"style", "script", "title", "textarea", "xmp", "noscript", "noembed", "noframes", "iframe", "plaintext", "template", "select", "option", "listing", "annotation-xml"} {
		list = append(list, "<"+raw+">"+act+"</"+raw+">", "<"+raw+">"+hidden+"</"+raw+">", "<"+raw+`><p title="&lt;/`+raw+"&gt;"+hidden+`">x</p></`+raw+">",
			"<"+raw+"><!--</"+raw+">"+act+"--></"+raw+">", "<"+raw+"><![CDATA[</"+raw+">"+act+"]]></"+raw+">", "<"+raw+"/>"+act,
			`<p title="&lt;/`+raw+`&gt;`+hidden+`">x</p>`, "<p><!--<"+raw+">-->"+hidden+"<!--</"+raw+">--></p>")
		// Namespaces: inside of svg and math the same name is another element.
		for _, foreign := range []string{"svg", "math"} {
			for _, bridge := range []string{"", "mtext", "mi", "mglyph", "malignmark", "desc", "foreignObject", "title", "annotation-xml", "p", "table"} {
				in, out := "", ""
				if bridge != "" {
					in, out = "<"+bridge+">", "</"+bridge+">"
				}
				list = append(list, "<"+foreign+">"+in+"<"+raw+"><!--</"+raw+">"+act+"-->"+"</"+raw+">"+out+"</"+foreign+">",
					"<"+foreign+">"+in+"<"+raw+`><a title="&lt;/`+raw+"&gt;"+hidden+`">x</a></`+raw+">"+out+"</"+foreign+">")
			}
		}
	}
	// What a browser moves out of its place: it is parsed again by whoever reads innerHTML.
	for _, frame := range []string{"table", "table><tr", "table><tbody><tr><td", "form><p", "ul", "dl", "a href=\"x\"", "b", "p", "h1", "caption", "colgroup", "button", "pre"} {
		var names []string
		for f := range strings.SplitSeq(frame, "><") {
			name, _, _ := strings.Cut(f, " ")
			names = append([]string{"</" + name + ">"}, names...)
		}
		ends := strings.Join(names, "")
		for _, inner := range []string{act, "<form><form>" + act + "</form></form>", "<p><div>" + hidden + "</div></p>", "<a href=\"y\"><a href=\"javascript:window.acted=1\">z</a></a>", "<table><a href=\"x\">" + hidden + "</a></table>", "<select><option>" + act + "</option></select>", "<math><mtext><table><mglyph><style><!--</style>" + act + "--></style></mglyph></table></mtext></math>", hidden, "<br/><hr/>text"} {
			list = append(list, "<"+frame+">"+inner+ends)
		}
	}
	// Comments, sections and instructions that end earlier for a browser.
	for _, begin := range []string{"<!-->", "<!--->", "<!-- --!>", "<!-- -- >", "<!--x--!>", "<?x >", "<?xml version='1.0'>", "<![CDATA[>", "<!DOCTYPE x [<!ENTITY y \"", "<!x>", "</ x>", "<% ", "<!--[if true]>"} {
		for _, end := range []string{"-->", "?>", "]]>", "\">]>", " %>", "<![endif]-->", ""} {
			list = append(list, begin+act+end, begin+"<p>"+hidden+"</p>"+end, "<p>"+begin+act+end+"</p>")
		}
	}
	// Addresses that are not what they look like, and attributes that act.
	for _, scheme := range []string{"javascript:", "JaVaScRiPt:", " javascript:", "&#1;javascript:", "java&#9;script:", "java&#10;script:", "java&#13;script:", "javascript&#58;", "javascript&colon;", "&#x6A;avascript:", "&#x0000000006a;avascript:", "vbscript:", "data:text/html,", "data:image/svg+xml,", "data:text/html;base64,", "blob:", "filesystem:", "view-source:javascript:", "feed:javascript:", "//evil.example/", "\u00a0javascript:", "\u2028javascript:", "ｊavascript:"} {
		for _, at := range []string{"a href", "img src", "a xlink:href", "form action", "button formaction", "object data", "embed src", "iframe src", "video poster", "body background", "img srcset", "table background", "link href", "base href", "meta content", "a ping", "blockquote cite", "img longdesc", "use href"} {
			name, _, _ := strings.Cut(at, " ")
			list = append(list, "<"+at+`="`+scheme+`window.acted=1">x</`+name+">", "<"+at+"='"+scheme+"window.acted=1'/>")
		}
	}
	for _, attribute := range []string{"onclick", "ONLOAD", "onerror", "onmouseover", "onfocus", "onbegin", "onpointerrawupdate", "ontoggle", "xml:onload", "x:onclick", "style", "srcdoc", "hx-get", "hx-on:click", "data-hx-get", "autofocus", "contenteditable", "is", "slot", "nonce", "formaction", "id", "name", "class", "lang", "title", "alt"} {
		for _, value := range []string{"window.acted=1", "x&quot; onerror=&quot;window.acted=1", "&lt;img src=x onerror=window.acted=1&gt;", "`window.acted=1`", "background:url(javascript:window.acted=1)", "width:expression(window.acted=1)", "--&gt;" + hidden, "body", "cookie"} {
			list = append(list, "<p "+attribute+`="`+value+`">x</p>`, "<a "+attribute+"='"+value+"' href=\"#x\">x</a>", "<img src=\"data:image/png;base64,\" "+attribute+"=\""+value+"\" alt=\"\"/>", "<td "+attribute+"="+value+">x</td>")
		}
	}
	return list
}

// TestAbuseC10Mutations: of narratives that were written to fool sanitisers none that the checker
// lets through acts in Chromium: read as HTML or XHTML, written by the browser and read again, and
// put into a page that stands.
func TestAbuseC10Mutations(t *testing.T) {
	var passed []string
	all := mutations()
	for _, m := range all {
		div := `<div xmlns="http://www.w3.org/1999/xhtml">a` + m + `</div>`
		r := fhir.Obj("resourceType", "Patient", "text", fhir.Obj("status", "generated", "div", div))
		if len(validate.Resource(r)) == 0 {
			passed = append(passed, div)
		}
	}
	if len(all) < 3000 || len(passed) < 100 {
		t.Errorf("%d of %d are let through: they prove little", len(passed), len(all))
	}
	list, err := json.Marshal(passed)
	if err != nil {
		t.Fatal(err)
	}
	p := webtest.Start(t).Open("about:blank", webtest.Desktop)
	const again = `(async (list) => {
  const bad = [];
  for (const div of list) {
    let text = div;
    for (let i = 0; i < 3; i++) { // what a browser writes is read by it again
      const html = new DOMParser().parseFromString(text, "text/html");
      const next = html.body.innerHTML;
      if (next === text) break;
      text = next;
      if (active([text]).length) { bad.push(div); break; }
    }
    window.acted = 0;
    document.body.innerHTML = "<main>" + div + "</main>";
    for (const el of document.querySelectorAll("main *")) for (const kind of ["click", "mouseover", "focus", "pointerenter", "toggle", "error", "load"]) {
      if (kind !== "click" || el.localName !== "a" || !/^(?!javascript)/i.test(el.getAttribute("href") || "")) el.dispatchEvent(new Event(kind));
    }
    await 0;
    if (window.acted) bad.push(div);
  }
  await new Promise((done) => setTimeout(done, 300));
  return window.acted ? ["something acted later"] : bad.slice(0, 5);
})`
	if bad := webtest.Eval[[]string](p, active+"("+string(list)+")"); len(bad) > 0 {
		t.Errorf("let through, and active in a browser: %q", bad)
	}
	run := "(async()=>{const active=" + active + ";return await " + again + "(%s)})()"
	if bad := webtest.Eval[[]string](p, strings.Replace(run, "%s", string(list), 1)); len(bad) > 0 {
		t.Errorf("let through, and acts in a page: %q", bad)
	}
	if bad := webtest.Eval[[]string](p, strings.Replace(run, "%s", `["<div><p onclick='window.acted=1'>x</p></div>"]`, 1)); len(bad) == 0 {
		t.Error("the browser's check finds nothing that acts")
	}
	t.Logf("%d of %d narratives are let through", len(passed), len(all))
}

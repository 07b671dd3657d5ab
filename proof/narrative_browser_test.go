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

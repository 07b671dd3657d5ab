package validate

import (
	"strings"
	"testing"

	"github.com/osler-emr/osler/fhir"
)

func narrativeIssues(inner string) []string {
	div := `<div xmlns="http://www.w3.org/1999/xhtml">` + inner + `</div>`
	if strings.HasPrefix(inner, "!") {
		div = inner[1:]
	}
	r := fhir.Obj("resourceType", "Patient", "text", fhir.Obj("status", "generated", "div", div))
	var out []string
	for _, i := range Resource(r) {
		out = append(out, i.Type+" "+i.Expression+" "+i.Text)
	}
	return out
}

func TestAbuseC09ActiveNarrativesAreRefused(t *testing.T) {
	for _, inner := range []string{
		`<script>alert(1)</script>`, `<SCRIPT>x</SCRIPT>`, `<iframe src="x"/>`, `<object/>`, `<svg/>`, `<form/>`, `<input/>`,
		`<style>p{}</style>`, `<link/>`, `<base/>`, `<math/>`, `<video/>`, `<button/>`, `<meta/>`, `<p onclick="x()">a</p>`,
		`<img src="x" onerror="x()"/>`, `<a href="javascript:x()">a</a>`, `<a href=" jAvaScript:x()">a</a>`,
		`<a href="java&#10;script:x()">a</a>`, `<a href="&#106;avascript:x()">a</a>`, `<a href="java&Tab;script:x()">a</a>`,
		`<a href="data:text/html,x">a</a>`, `<img src="data:image/svg+xml;base64,AAAA"/>`, `<a href="vbscript:x">a</a>`,
		`<p style="width: expression(x)">a</p>`, `<p style="background: url(http://x)">a</p>`, `<p style="w: ex\70 ression(x)">a</p>`,
		`<p style="w: ex/**/pression(x)">a</p>`,
		`a<!--><meta http-equiv="refresh" content="0;url=https://evil.example">-->`, `a<!---><form>-->`, `a<!-- --!><form> -->`,
	} {
		issues := narrativeIssues(inner)
		if len(issues) != 1 || !strings.HasPrefix(issues[0], "security Patient.text.div") {
			t.Errorf("%s: %q", inner, issues)
		}
	}
}

func TestBrokenNarrativesAreRefused(t *testing.T) {
	for _, inner := range []string{
		``, `  `, `<p>a`, `<p>a</b></p>`, `a & b`, `<!DOCTYPE x>a`, `<?php x ?>a`, `<![CDATA[<script>]]>`, `<!-- a`, `<p`, `<p class=a>b</p>`,
		`<p class>b</p>`, `<p class="a>b</p>`, `<p class="a"id="b">c</p>`, `<p title="<">c</p>`, `</div>a`, `!plain text`, `!<p>a</p>`,
		`!<div>a</div>`, `!<div xmlns="http://www.w3.org/2000/svg">a</div>`, `!<div xmlns="http://www.w3.org/1999/xhtml">a</div><div>b</div>`,
	} {
		if issues := narrativeIssues(inner); len(issues) != 1 {
			t.Errorf("%q: %q", inner, issues)
		}
	}
}

func TestHarmlessNarrativesPass(t *testing.T) {
	for _, inner := range []string{
		`a &amp; b &lt; c &nbsp; &#233; &#xE9;`, `<p class="x" style="color: red">a</p><br/><hr />`, `<!-- x -->a`, `<img src="#p" alt=''/>`,
		`<a href="Patient/7">a</a><a href="urn:uuid:1">b</a><a href="mailto:a@b.c">c</a><a href="a?b=c:d">e</a><a name="x">f</a>`,
		`<table border="1"><tbody><tr><td colspan="2">a</td></tr></tbody></table>`, `<img src="data:image/png;base64,AAAA"/>`,
	} {
		if issues := narrativeIssues(inner); len(issues) != 0 {
			t.Errorf("%s: %q", inner, issues)
		}
	}
}

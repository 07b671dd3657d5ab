package proof

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
	"github.com/osler-emr/osler/identity/oauth"
	"github.com/osler-emr/osler/trust"
)

// attacks are what a page does with markup and text that somebody got into it. Each sets a mark
// of its own if it acts. They run from a timer, as a script of the page would.
const attacks = `(async () => {
  window.acted = []; window.refused = 0;
  const mark = (name) => "window.acted.push('" + name + "')";
  const tries = {
    handler: () => document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\"" + mark("handler") + "\">"),
    svg: () => document.body.insertAdjacentHTML("beforeend", "<svg onload=\"" + mark("svg") + "\"></svg>"),
    attribute: () => { const b = document.createElement("button"); b.setAttribute("onclick", mark("attribute")); document.body.append(b); b.click(); },
    address: () => { const a = document.createElement("a"); a.href = "javascript:" + mark("address"); document.body.append(a); a.click(); },
    frame: () => { const f = document.createElement("iframe"); f.srcdoc = "<script>parent." + mark("frame").slice(7) + "</scr" + "ipt>"; document.body.append(f); },
    script: () => { const s = document.createElement("script"); s.text = mark("script"); document.body.append(s); },
    foreign: () => { const s = document.createElement("script"); s.src = "data:text/javascript," + mark("foreign"); document.body.append(s); },
    eval: () => (0, eval)(mark("eval")),
    function: () => new Function(mark("function"))(),
    timer: () => setTimeout(mark("timer"), 0),
    htmx: () => { document.body.insertAdjacentHTML("beforeend", "<div hx-on:click=\"" + mark("htmx") + "\" id=hxon></div><div hx-get='/healthz' hx-trigger=\"load[" + mark("filter") + "]\" id=hxload></div>"); window.htmx?.process(document.getElementById("hxon")); window.htmx?.process(document.getElementById("hxload")); document.getElementById("hxon").click(); },
    worker: () => new Worker("data:text/javascript,postMessage(1)"),
    base: () => { const b = document.createElement("base"); b.href = "https://evil.example/"; document.head.append(b); if (new URL("x", document.baseURI).host === "evil.example") window.acted.push("base"); },
    image: () => new Promise((done) => { const i = new Image(); i.onload = i.onerror = done; i.src = "https://evil.example/x.png"; setTimeout(done, 500); }),
  };
  await new Promise((done) => setTimeout(async () => {
    for (const t of Object.values(tries)) { try { await t(); } catch { window.refused++; } }
    setTimeout(done, 400);
  }, 0));
  return window.acted.join(" ");
})()`

// consentAsked is what a program asks a person to agree to, as the part of an address.
func (h *house) consentAsked(t *testing.T) string {
	t.Helper()
	c, _, err := h.programs.Register(t.Context(), trust.System("test"), oauth.Client{Name: "Scale", Redirects: []string{"https://scale.example/back"},
		Scopes: []string{"launch/patient", "patient/Observation.rs"}, Auth: oauth.AuthNone, Patients: true, Staff: true})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(strings.Repeat("v", 64)))
	return url.Values{"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {"https://scale.example/back"}, "scope": {"launch/patient patient/Observation.rs"},
		"state": {strings.Repeat("s", 32)}, "aud": {"http://osler.example/fhir"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}.Encode()
}

// TestInjectedScriptsDoNotRun: in Chromium, nothing that got into a page of the clinic, the portal
// or the consent of a program acts, and no page asks another site for anything.
func TestInjectedScriptsDoNotRun(t *testing.T) {
	h := full(t)
	consent := "/oauth/authorize?" + h.consentAsked(t)
	server := httptest.NewServer(h.handler)
	defer server.Close()
	for who, pages := range map[string][]string{
		"amara": {"/p/rosa", "/p/rosa/prescribe", "/charts", "/settings/security", "/p/rosa/programs"},
		"rosa":  {"/portal", "/portal/results", consent, "/settings/apps"},
		"":      {"/sign-in"},
	} {
		p := webtest.Start(t).Open(server.URL+"/sign-in", webtest.Desktop)
		if who != "" {
			p.SignIn(server.URL, who, "seven quiet rivers run")
		}
		for _, path := range pages {
			p.Goto(server.URL + path)
			if path == consent && !strings.Contains(p.Text("main"), "Scale") {
				t.Errorf("the consent page is not there: %.300s", p.Text("main"))
			}
			if foreign := webtest.Eval[string](p, `performance.getEntriesByType("resource").map((e) => e.name).filter((n) => new URL(n).origin !== location.origin).join(" ")`); foreign != "" {
				t.Errorf("%s asks others for %s", path, foreign)
			}
			if !webtest.Eval[bool](p, `!window.trustedTypes || window.trustedTypes.defaultPolicy !== null`) {
				t.Errorf("%s has no policy for trusted types", path)
			}
			if acted := webtest.Eval[string](p, attacks); acted != "" {
				t.Errorf("%s: what was put into the page acts: %s", path, acted)
			}
			if n := webtest.Eval[int](p, `window.refused`); n < 3 {
				t.Errorf("%s: only %d of the attacks were refused at once: are trusted types required?", path, n)
			}
		}
	}
}

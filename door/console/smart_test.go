package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/osler-emr/osler/door/webtest"
)

// clientApp is a page that uses fhirclient, the JavaScript client of SMART Health IT,
// unmodified, from another port than Osler's.
const clientApp = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Client</title><script src="fhir-client.js"></script><body><pre id="state">working</pre><script src="%s"></script></body></html>`

const launchScript = `
const scope = %q, clientId = %q, server = new URLSearchParams(location.search).get('server')
const options = { clientId, redirectUri: 'index.html', scope: (server ? 'launch/patient ' : 'launch ') + scope }
if (server) options.iss = server
FHIR.oauth2.authorize(options).catch((e) => { document.getElementById('state').textContent = 'failed: ' + e.message })`

const readyScript = `
FHIR.oauth2.ready().then(async (client) => {
  const before = client.state.tokenResponse
  const patient = await client.patient.read()
  const found = await client.patient.request('Observation?_count=50')
  await client.refresh()
  const again = await client.patient.read()
  document.getElementById('state').textContent = JSON.stringify({ patient: patient.id, again: again.id, observations: (found.entry || []).length,
    user: client.getFhirUser(), encounter: client.encounter.id, banner: before.need_patient_banner, renewed: before.access_token !== client.state.tokenResponse.access_token,
    scope: client.state.tokenResponse.scope })
}).catch((e) => { document.getElementById('state').textContent = 'failed: ' + e.message })`

type clientState struct {
	Patient, Again, User, Encounter, Scope string
	Observations                           int
	Banner, Renewed                        bool
}

// TestFHIRClientLaunches: fhirclient completes a launch from a chart and one by itself, with
// the real pages of sign-in, approval and consent; a person ends its access.
func TestFHIRClientLaunches(t *testing.T) {
	const bundle = "../../tools/clients/node_modules/fhirclient/build/fhir-client.js"
	if _, err := os.Stat(filepath.FromSlash(bundle)); err != nil {
		t.Skip("NOT TESTED: fhirclient is not installed in tools/clients")
	}
	base := demo(t)
	const scope = "openid fhirUser offline_access patient/*.rs"
	id := ""
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir-client.js", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, filepath.FromSlash(bundle)) })
	text := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			io.WriteString(w, body)
		}
	}
	mux.HandleFunc("/launch.html", text("text/html", fmt.Sprintf(clientApp, "launch.js")))
	mux.HandleFunc("/index.html", text("text/html", fmt.Sprintf(clientApp, "ready.js")))
	mux.HandleFunc("/launch.js", func(w http.ResponseWriter, r *http.Request) {
		text("text/javascript", fmt.Sprintf(launchScript, scope, id))(w, r)
	})
	mux.HandleFunc("/ready.js", text("text/javascript", readyScript))
	app := httptest.NewServer(mux)
	defer app.Close()

	// The program registers itself, and an administrator approves it.
	metadata, _ := json.Marshal(map[string]any{"client_name": "Client of others", "redirect_uris": []string{app.URL + "/index.html"}, "launch_uri": app.URL + "/launch.html",
		"token_endpoint_auth_method": "none", "scope": "launch launch/patient " + scope})
	res, err := http.Post(base+"/oauth/register", "application/json", bytes.NewReader(metadata))
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID string `json:"client_id"`
	}
	err = json.NewDecoder(res.Body).Decode(&made)
	res.Body.Close()
	if err != nil || made.ID == "" {
		t.Fatalf("registering: %d %v", res.StatusCode, err)
	}
	id = made.ID
	admin := as(t, webtest.Start(t), base, "sam.whitlock", webtest.Desktop)
	admin.Goto(base + "/programs")
	admin.Check()
	admin.Picture("programs")
	admin.Goto(base + "/programs/" + id)
	admin.Check()
	admin.Picture("program")
	admin.Click("input[name=staff]")
	admin.Click("input[name=patients]")
	admin.Submit("button[value=approve]")
	admin.Goto(base + "/programs/new")
	admin.Check()

	// From a chart.
	p := as(t, webtest.Start(t), base, "anna.lindqvist", webtest.Desktop)
	p.Goto(base + "/charts")
	p.Type("#f-q", "okafor")
	p.Wait("#found td")
	chart := webtest.Eval[string](p, `document.querySelector('main a[href^="/p/"]').getAttribute("href")`)
	patient := strings.Split(chart, "/")[2]
	p.Goto(base + "/p/" + patient + "/programs")
	p.Check()
	p.Picture("programs-chart")
	start := "form[action='/programs/" + id + "/start']"
	webtest.Eval[bool](p, `document.querySelector("`+start+`").removeAttribute("target");true`) // one tab is enough here
	p.Submit(start + " button")
	p.Wait("button[value=allow]")
	if said := p.Text("main"); !strings.Contains(said, "OKAFOR, Maria") || !strings.Contains(said, "Unverified program") || !strings.Contains(said, "Read the patient’s whole health record") {
		t.Errorf("the consent says %q", said)
	}
	p.Check()
	p.Picture("consent-staff")
	p.Submit("button[value=allow]")
	got := clientSays(t, p)
	if got.Patient != patient || got.Again != patient || got.Observations == 0 || !strings.Contains(got.User, "Practitioner/") || got.Banner || !got.Renewed {
		t.Errorf("launched from a chart: %+v", got)
	}

	// By itself, by a patient who is not signed in yet.
	q := webtest.Start(t).Open(base+"/", webtest.Phone)
	q.Goto(app.URL + "/launch.html?server=" + base + "/fhir")
	q.Wait("button[value='ewa.nowak']")
	q.Submit("button[value='ewa.nowak']")
	q.Wait("button[value=allow]")
	q.Check()
	q.Picture("consent-patient")
	q.Submit("button[value=allow]")
	if got := clientSays(t, q); got.Patient == "" || got.Patient == patient || got.Again != got.Patient || !strings.HasSuffix(got.User, "Patient/"+got.Patient) || !got.Renewed || !got.Banner {
		t.Errorf("launched by itself: %+v", got)
	}
	q.Goto(base + "/settings/apps")
	q.Check()
	q.Picture("apps-with-access")
	q.Submit("form[action$='/end'] button")
	q.Goto(app.URL + "/index.html")
	q.Wait("#state")
	if said := webtest.Eval[string](q, stateSays); !strings.HasPrefix(said, "failed:") {
		t.Errorf("after the end of its access the client says %q", said)
	}
	q.Goto(base + "/portal/programs")
	q.Check()
	q.Picture("programs-portal")
}

// stateSays waits until the client's page is done.
const stateSays = `new Promise(r=>{const t=setInterval(()=>{const s=document.querySelector("#state").textContent;if(s!=="working"){clearInterval(t);r(s)}},50)})`

func clientSays(t *testing.T, p *webtest.Page) (s clientState) {
	t.Helper()
	p.Wait("#state")
	said := webtest.Eval[string](p, stateSays)
	if err := json.Unmarshal([]byte(said), &s); err != nil {
		t.Fatalf("the client says %q on %s", said, p.Path())
	}
	return s
}

// TestExampleProgram: a visitor of the demonstration starts the example from the portal and
// sees vital signs.
func TestExampleProgram(t *testing.T) {
	base := demo(t)
	p := as(t, webtest.Start(t), base, "ewa.nowak", webtest.Phone)
	p.Goto(base + "/portal/programs")
	webtest.Eval[bool](p, `document.querySelector("form[action='/programs/vital-signs-viewer/start']").removeAttribute("target");true`)
	p.Submit("form[action='/programs/vital-signs-viewer/start'] button")
	p.Wait("button[value=allow]")
	if said := p.Text("main"); !strings.Contains(said, "Read your vital signs") {
		t.Errorf("the consent says %q", said)
	}
	p.Check()
	p.Picture("consent-example")
	p.Submit("button[value=allow]")
	p.Wait("#who p")
	p.Wait("#charts svg")
	p.Axe()
	p.Picture("example")
}

// TestTheExampleSaysWhatTheChartSays: the pressure that a nurse has just measured is the last one in the
// chart and in the example, whatever words it and the ones before were recorded with; and what a patient
// has sent from home counts in neither before somebody has looked at it.
func TestTheExampleSaysWhatTheChartSays(t *testing.T) {
	base := demo(t)
	p := as(t, webtest.Start(t), base, "anna.lindqvist", webtest.Desktop)
	p.Chord("k")
	p.Type("osler-palette input", "nowak ewa")
	p.Wait("#palette-list [role=option][aria-selected=true] a")
	chart := webtest.Eval[string](p, `document.querySelector("#palette-list [aria-selected=true] a").getAttribute("href")`)
	p.Goto(base + chart + "/vitals")
	p.Type("#vital-form [name=pressure]", "152/94")
	p.Submit("#vital-form button[type=submit]")
	p.Goto(base + chart + "/vitals")
	if said := p.Text("main"); !strings.Contains(said, "152/94 mmHg") {
		t.Fatalf("the chart says %q", said)
	}
	p.Goto(base + chart + "/programs")
	webtest.Eval[bool](p, `document.querySelector("form[action='/programs/vital-signs-viewer/start']").removeAttribute("target");true`)
	p.Submit("form[action='/programs/vital-signs-viewer/start'] button")
	p.Wait("button[value=allow]")
	p.Submit("button[value=allow]")
	p.Wait("#charts svg")
	cards := webtest.Eval[[]string](p, `[...document.querySelectorAll("#charts .card")].map(e=>e.innerText.replace(/\s+/g," "))`)
	pressures := 0
	for _, c := range cards {
		if strings.Contains(strings.ToLower(c), "systolic") || strings.HasPrefix(c, "Blood pressure") {
			if pressures++; !strings.HasPrefix(c, "Blood pressure (mmHg) Last 152/94,") {
				t.Errorf("the example says %q", c)
			}
		}
	}
	if pressures != 1 {
		t.Errorf("the pressure stands %d times: %q", pressures, cards)
	}
	p.Axe()
	p.Picture("example-pressure")
}

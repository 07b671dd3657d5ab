package fhirapi

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

const async = "Prefer: respond-async"

// program sends its requests with a system token of a role.
func (h *house) program(role trust.Role) *house {
	other := *h
	other.tokens = map[trust.Role]string{role: h.programs[role]}
	other.role = role
	return &other
}

// start begins an export and returns the address of its status.
func (h *house) start(path string) string {
	h.t.Helper()
	return strings.TrimPrefix(h.get(path, async).is(http.StatusAccepted).header.Get("Content-Location"), h.url)
}

// files fetches everything that a manifest names: ids by type.
func (h *house) files(status string) map[string][]string {
	h.t.Helper()
	found := map[string][]string{}
	for file := range h.get(status).is(http.StatusOK).node.Get("output").Items() {
		code, body := h.lines(strings.TrimPrefix(file.Get("url").Text(), h.url))
		if code != http.StatusOK {
			h.t.Fatalf("file of %s: status %d: %.300s", file.Get("type").Text(), code, body)
		}
		for line := range strings.Lines(body) {
			r := read(h.t, line)
			if r.ResourceType() != file.Get("type").Text() {
				h.t.Errorf("a %s stands in the file of %s", r.ResourceType(), file.Get("type").Text())
			}
			found[r.ResourceType()] = append(found[r.ResourceType()], r.ID())
		}
	}
	return found
}

func (h *house) lines(path string) (int, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "GET", h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	r.Header.Set("Accept", "application/fhir+ndjson")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func exporting(t *testing.T) (*house, *house) {
	h := open(t)
	h.seed(`{"resourceType":"Observation","id":"o-rosa","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"subject":{"reference":"Patient/rosa"}}`,
		`{"resourceType":"Observation","id":"o-sam","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"718-7"}]},"subject":{"reference":"Patient/sam"}}`,
		`{"resourceType":"Group","id":"panel","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/rosa"}},{"entity":{"reference":"Patient/sam"},"inactive":true}]}`)
	h.clock.Advance(time.Minute)
	return h, h.program(trust.Physician)
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestExportLevels(t *testing.T) {
	_, p := exporting(t)
	all := p.files(p.start("/fhir/$export"))
	same(t, "patients of the system", all["Patient"], "rosa", "sam")
	same(t, "practitioners of the system", all["Practitioner"], "amara")
	same(t, "observations of the system", all["Observation"], "o-rosa", "o-sam")

	patients := p.files(p.start("/fhir/Patient/$export"))
	same(t, "observations of all patients", patients["Observation"], "o-rosa", "o-sam")
	same(t, "practitioners belong to no patient", patients["Practitioner"])

	group := p.files(p.start("/fhir/Group/panel/$export?_type=Patient,Observation"))
	same(t, "patients of the group", group["Patient"], "rosa")
	same(t, "observations of the group", group["Observation"], "o-rosa")

	filtered := p.files(p.start("/fhir/$export?_type=Observation,Patient&_typeFilter=" + url.QueryEscape("Observation?code=http://loinc.org|718-7")))
	same(t, "filtered observations", filtered["Observation"], "o-sam")
	same(t, "a filter of another type does not touch patients", filtered["Patient"], "rosa", "sam")
}

// A file that is fetched again is the same, whatever has been written since.
func TestExportIsOfOneMoment(t *testing.T) {
	h, p := exporting(t)
	status := p.start("/fhir/$export?_type=Observation")
	before := p.clock.Now()
	h.clock.Advance(time.Minute)
	h.seed(`{"resourceType":"Observation","id":"o-late","status":"final","code":{"text":"later"},"subject":{"reference":"Patient/sam"}}`)
	h.drop("Observation", "o-rosa")
	same(t, "the first export", p.files(status)["Observation"], "o-rosa", "o-sam")
	h.clock.Advance(time.Minute)
	since := "/fhir/$export?_type=Observation&_since=" + url.QueryEscape(before.Format(time.RFC3339))
	same(t, "what is new since", p.files(p.start(since))["Observation"], "o-late")

	p.ask("DELETE", status, "").is(http.StatusAccepted)
	h.clock.Advance(exportLife)
	if got := p.get(status); got.status != http.StatusGone && got.status != http.StatusUnauthorized {
		t.Errorf("an export of yesterday answers %d", got.status)
	}
}

// An export of a record that has lost the file of a scan says so in its manifest, for those types and
// patients that it is of.
func TestAnExportTellsWhatIsLost(t *testing.T) {
	h, p := exporting(t)
	data := strings.Repeat("AAAA", 50_000)
	ref := "DocumentReference/" + h.ask("POST", "/fhir/DocumentReference", `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/sam"},"content":[{"attachment":{"contentType":"application/pdf","data":"`+data+`"}}]}`).is(http.StatusCreated).node.ID()
	h.clock.Advance(time.Minute)
	files, err := filepath.Glob(filepath.Join(h.dir, "contents", "??", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	status := p.start("/fhir/$export")
	errors := func(status string) []*fhir.Node {
		t.Helper()
		return slices.Collect(p.get(status).is(http.StatusOK).node.Get("error").Items())
	}
	if got := errors(status); len(got) != 0 {
		t.Errorf("nothing is lost: %v", got)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, lose := range []func() error{func() error { return os.Remove(files[0]) }, func() error { // the second is met by who fetches it
		if err := os.WriteFile(files[0], whole, 0o600); err != nil || len(errors(status)) > 0 {
			t.Errorf("put back: %v", err)
		}
		if err := os.WriteFile(files[0], whole[:1000], 0o600); err != nil {
			return err
		}
		code, body := p.tryLines("/fhir/$export-file?" + status[strings.Index(status, "?")+1:] + "&type=DocumentReference")
		if code != 0 {
			t.Errorf("a file without what the manifest did not know as lost: %d %.300s", code, body)
		}
		if told := h.log.String(); !strings.Contains(told, ref) {
			t.Errorf("why it broke off is not in the log: %s", told)
		}
		h.log.Reset()
		return nil
	}} {
		if err := lose(); err != nil {
			t.Fatal(err)
		}
		list := errors(status)
		if len(list) != 1 || list[0].Get("type").Text() != "OperationOutcome" {
			t.Fatalf("errors of the manifest: %v", list)
		}
		code, body := p.lines(strings.TrimPrefix(list[0].Get("url").Text(), h.url))
		if o := read(t, body); code != http.StatusOK || o.ResourceType() != "OperationOutcome" || !strings.Contains(body, ref) || !strings.Contains(body, filepath.Base(files[0])) {
			t.Errorf("what is lost: %d %s", code, body)
		}
		same(t, "its document is there", p.files(status)["DocumentReference"], strings.TrimPrefix(ref, "DocumentReference/"))
		for _, other := range []string{"/fhir/$export?_type=Observation", "/fhir/Group/panel/$export", "/fhir/$export?_typeFilter=DocumentReference%3Fstatus%3Dsuperseded"} {
			if got := errors(p.start(other)); len(got) != 0 {
				t.Errorf("%s tells of what is not in it: %v", other, got)
			}
		}
	}
}

// tryLines is lines of an answer that may break off: status 0.
func (h *house) tryLines(path string) (int, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), "GET", h.url+path, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[h.role])
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, string(b)
	}
	return res.StatusCode, string(b)
}

func TestExportRefused(t *testing.T) {
	h, p := exporting(t)
	h.get("/fhir/$export", async).refused(http.StatusForbidden, "system scope")
	h.as(trust.Patient).get("/fhir/$export", async).refused(http.StatusForbidden)
	p.get("/fhir/$export").refused(http.StatusBadRequest, "respond-async")
	for path, status := range map[string]int{
		"/fhir/$export?_type=Patiant":                                      http.StatusBadRequest,
		"/fhir/$export?_since=yesterday":                                   http.StatusBadRequest,
		"/fhir/$export?_outputFormat=parquet":                              http.StatusBadRequest,
		"/fhir/$export?patient=rosa":                                       http.StatusBadRequest,
		"/fhir/$export?_type=Patient&_typeFilter=Observation%3Fcode%3D1":   http.StatusBadRequest,
		"/fhir/$export?_typeFilter=Observation%3Fcolour%3D1":               http.StatusBadRequest,
		"/fhir/$export?_typeFilter=Observation%3F_include%3DObservation:*": http.StatusBadRequest,
		"/fhir/Group/nobody/$export":                                       http.StatusNotFound,
		"/fhir/$export-status?level=all&at=2026-11-23T12:00:00Z":           http.StatusBadRequest,
		"/fhir/$export-status?level=system&at=2036-11-23T12:00:00Z":        http.StatusBadRequest,
		"/fhir/$export-file?level=system&at=2026-11-23T12:00:30Z&type=Cow": http.StatusBadRequest,
		"/fhir/$export-file?level=system&at=2026-11-23T12:00:30Z&type=":    http.StatusBadRequest,
	} {
		if got := p.get(path, async); got.status != status && !(status == http.StatusBadRequest && got.status >= 400 && got.status < 500) {
			t.Errorf("%s: status %d, want %d: %.200s", path, got.status, status, got.body)
		}
	}
	// The front desk's program gets what the front desk may see, and no more.
	desk := h.program(trust.FrontDesk)
	if got := desk.files(desk.start("/fhir/$export"))["Observation"]; len(got) > 0 {
		t.Errorf("the front desk exports observations: %v", got)
	}
	// A stolen address gives nothing to a person's token.
	status := p.start("/fhir/$export?_type=Observation")
	h.as(trust.Patient).get(status).refused(http.StatusForbidden)
}

// TestABulkExportIsAccountedFor: what a backend service takes along of everybody, and of a group,
// stands in the accounting of each patient who was in it, by whom and when, once an export; also
// when the address of a file pretends that it was of a group.
func TestABulkExportIsAccountedFor(t *testing.T) {
	h := open(t)
	h.seed(`{"resourceType":"Group","id":"few","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/sam"}}]}`)
	auditor := h.gate.As(trust.Principal{ID: "aud", Name: "Gus", Role: trust.Auditor}, "test")
	told := func(patient string) int {
		t.Helper()
		list, err := auditor.Accounting(t.Context(), patient)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range list {
			if strings.HasPrefix(e.Leaf.Query, record.WholeRecord) {
				n++
				if e.Leaf.Name == "" || e.Leaf.Door != "fhir" || !e.Leaf.Time.Equal(h.clock.Now()) {
					t.Errorf("%s is told %+v", patient, e.Leaf)
				}
			}
		}
		return n
	}
	expect := func(what string, rosa, sam int) {
		t.Helper()
		if r, s := told("rosa"), told("sam"); r != rosa || s != sam {
			t.Errorf("%s: rosa is told of %d exports, not %d; sam of %d, not %d", what, r, rosa, s, sam)
		}
	}
	p := h.program(trust.Physician)
	h.clock.Advance(time.Minute)
	h.get("/fhir/$meta").is(http.StatusOK)
	expect("nothing was exported", 0, 0)
	p.files(p.start("/fhir/Group/few/$export"))
	expect("a group", 0, 1)
	status := p.start("/fhir/$export?_type=Patient,Observation")
	expect("begun, nothing fetched", 0, 1)
	p.files(status)
	expect("everybody", 1, 2)
	file := strings.Replace(status, "$export-status", "$export-file", 1) + "&type=Patient&group=few"
	file = strings.Replace(file, "&at=", "&x=", 1) + "&at=" + url.QueryEscape(h.clock.Now().Add(-time.Second).UTC().Format(instant))
	if code, body := p.lines(file); code != http.StatusOK || !strings.Contains(body, `"rosa"`) {
		t.Fatalf("%d %s", code, body)
	}
	expect("everybody, under the name of a group", 2, 3)
	h.seed(`{"resourceType":"Patient","id":"late","name":[{"family":"Late"}]}`)
	if n := told("late"); n != 0 {
		t.Errorf("who came later is told of %d exports", n)
	}
}

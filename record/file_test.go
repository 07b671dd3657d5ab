package record

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
)

// old stores resources as programs before December 2026 did: files without a home, and without an owner.
func (c clinic) old(patient string, bodies ...string) {
	c.t.Helper()
	set := store.Changeset{Leaf: &ledger.Leaf{Action: ledger.Batch}}
	for _, body := range bodies {
		r := c.read(body)
		stamp(r, 1, noon)
		set.Writes = append(set.Writes, store.Write{Type: r.ResourceType(), ID: r.ID(), Version: 1, Patient: patient, Updated: noon, Body: r.JSON()})
	}
	if _, err := c.store.Commit(ctx, set); err != nil {
		c.t.Fatal(err)
	}
}

// TestOldFilesGoHome: a stored file that one chart names goes there, with its labels. One that several name, or
// something outside of charts, or nothing, stays as it was: neither unreadable nor in a chart by chance.
func TestOldFilesGoHome(t *testing.T) {
	c := open(t)
	c.found()
	file := func(id string) string {
		return `{"resourceType":"Binary","id":"` + id + `","contentType":"text/plain","data":"bGV0dGVy"}`
	}
	names := func(id, patient, file, code string) string {
		return strings.Replace(about("DocumentReference", id, `"status":"current","content":[{"attachment":{"url":"Binary/`+file+`"}}]`+code), "rosa", patient, 1)
	}
	const sud = `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"SUD"}]}`
	c.old("", file("mine"), file("ours"), file("photo"), file("loose"),
		`{"resourceType":"Binary","id":"like","contentType":"text/plain","securityContext":{"reference":"DocumentReference/d1"},"data":"bGV0dGVy"}`,
		`{"resourceType":"Organization","id":"o","name":"x","extension":[{"url":"urn:logo","valueAttachment":{"url":"Binary/photo"}}]}`)
	c.old("rosa", names("d1", "rosa", "mine", sud), names("d2", "rosa", "ours", ""), names("d4", "rosa", "photo", ""))
	c.old("sam", names("d3", "sam", "ours", ""))
	if err := (&relabelling{gate: c.gate, actor: c.as(trust.System("labels"))}).files(ctx); err != nil {
		t.Fatal(err)
	}
	for id, home := range map[string]string{"mine": "rosa", "like": "rosa", "ours": "", "photo": "", "loose": ""} {
		v, err := c.store.Read(ctx, "Binary", id, 0)
		if err != nil || v.Patient != home {
			t.Errorf("%s is at home in %q: %v", id, v.Patient, err)
		}
		if got := c.labels("Binary", id); slices.Contains(got, "SUD") != (home != "") {
			t.Errorf("%s has %v", id, got)
		}
		if _, err := c.as(nurse).OpenBinary(ctx, id, 0); fault.Is(err, fault.NotFound) != (home != "") {
			t.Errorf("a nurse opens %s: %v", id, err)
		}
		if _, err := c.as(physician).OpenBinary(ctx, id, 0); err != nil {
			t.Errorf("the physician opens %s: %v", id, err)
		}
	}
}

// TestAFileThatComesHomeIsThePatients: what was sent before anybody knew whose it is can be destroyed with the
// patient's keys: its content has its own, in no version.
func TestAFileThatComesHomeIsThePatients(t *testing.T) {
	c, _ := keeping(t)
	r := c.commit(physician, `{"resourceType":"Binary","contentType":"text/plain","data":"c21hbGwgc2VjcmV0"}`)
	id := r.Versions[0].ID
	made := c.commit(physician, about("DocumentReference", "d", `"status":"current","content":[{"attachment":{"url":"Binary/`+id+`"}}]`))
	if len(made.Versions) != 1 || made.Versions[0].Type != "DocumentReference" {
		t.Errorf("the result of one Put: %v", made.Versions)
	}
	items, err := c.store.Items(ctx, blob.Space, "rosa")
	if err != nil || len(items) != 1 || items[0].Patient != "rosa" {
		t.Errorf("the content is of %v, %v", items, err)
	}
	for n := int64(1); n <= 2; n++ {
		v, err := c.store.ReadVersion(ctx, "Binary", id, n)
		if err != nil || bytes.Contains(v.Body, []byte("c21hbGwgc2VjcmV0")) {
			t.Errorf("version %d holds the content: %s, %v", n, v.Body, err)
		}
	}
	if b, err := c.as(nurse).Read(ctx, "Binary", id); err != nil || b.Get("data").Text() != "c21hbGwgc2VjcmV0" {
		t.Errorf("it is read as %s, %v", b.JSON(), err)
	}
	if err := c.as(physician).Undo(ctx, made.Undo); err != nil { // the document goes, the file stays where it is
		t.Fatal(err)
	}
	if v, err := c.store.Read(ctx, "Binary", id, 0); err != nil || v.Patient != "rosa" || v.Version != 2 {
		t.Errorf("after the undo: %+v, %v", v, err)
	}
}

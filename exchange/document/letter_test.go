package document

import (
	"fmt"
	"testing"

	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/trust"
)

// TestTheGeneratorsLetterIsReadWhole: what the tests and the bench take in has no entry that is not read.
func TestTheGeneratorsLetterIsReadWhole(t *testing.T) {
	l := synthetic.Letter{Number: 1, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Visits: 4}
	body := l.Document()
	if string(body) != string(l.Document()) || len(body) < 85_000 || len(body) > 115_000 {
		t.Errorf("%d bytes", len(body))
	}
	d, err := Read(body)
	if err != nil {
		t.Fatal(err)
	}
	by := map[Section]int{}
	for _, i := range d.Items {
		by[i.Section] += 1 + len(i.Parts)
		if i.Source == "" && len(i.Parts) == 0 {
			t.Errorf("%s has no passage", i.Text)
		}
	}
	for _, u := range d.Unread {
		t.Logf("unread: %+v", u)
	}
	t.Logf("%d bytes, %v", len(body), by)
	h := open(t)
	if _, a, _, err := Take(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: body, Read: d}); err != nil || a.Added == 0 {
		t.Fatalf("%+v %v", a, err)
	}
}

// BenchmarkTake reads, compares, files and accepts a document of 100 KB, each for another patient.
func BenchmarkTake(b *testing.B) {
	h := openIn(b)
	anna := h.as(trust.Physician, "anna")
	body := synthetic.Letter{Number: 1, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Visits: 4}.Document()
	i := 0
	for b.Loop() {
		b.StopTimer()
		i++
		id := fmt.Sprintf("p%d", i)
		h.put(`{"resourceType":"Patient","id":"` + id + `","name":[{"family":"Okafor","given":["Maria"]}],"birthDate":"1968-03-14","gender":"female"}`)
		b.StartTimer()
		d, err := Read(body)
		if err != nil {
			b.Fatal(err)
		}
		if _, a, _, err := Take(ctx, anna, Upload{Patient: id, Body: body, Read: d}); err != nil || a.Added < 15 {
			b.Fatal(a.Added, err)
		}
	}
}

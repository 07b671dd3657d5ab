package document

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/osler-emr/osler/exchange/synthetic"
	"github.com/osler-emr/osler/trust"
)

// TestTheGeneratorsLetterIsReadWhole: of what the tests and the bench take in, each entry is read, and all that is unread
// was put there to be.
func TestTheGeneratorsLetterIsReadWhole(t *testing.T) {
	planted := `<component><section><code code="48768-6" codeSystem="2.16.840.1.113883.6.1"/><title>Planted text</title><text>Only words.</text></section></component>` +
		`<component><section><code code="48768-6" codeSystem="2.16.840.1.113883.6.1"/><title>Planted entry</title><text>x</text><entry><act classCode="ACT" moodCode="EVN"><code code="1" displayName="Planted act"/></act></entry></section></component>`
	base := synthetic.Letter{Number: 1, Family: "Okafor", Given: "Maria", Born: "19680314", Sex: "F", Visits: 4}
	all := "allergies 3, encounters 4, immunizations 4, medications 8, problems 7, procedures 2, results 24, social-history 1, vital-signs 12"
	for name, c := range map[string]struct {
		change func(*synthetic.Letter)
		read   string
		unread []string
	}{
		"the letter":   {func(*synthetic.Letter) {}, all, nil},
		"with more":    {func(l *synthetic.Letter) { l.Extra = planted }, all, []string{"Planted text", "Planted act"}},
		"narrative":    {func(l *synthetic.Letter) { l.Narrative = "<paragraph>More.</paragraph>" }, all, nil},
		"no allergies": {func(l *synthetic.Letter) { l.NoAllergies = true }, strings.Replace(all, "allergies 3", "allergies 1", 1), nil},
		"another":      {func(l *synthetic.Letter) { l.Another = true }, strings.NewReplacer("medications 8", "medications 7", "problems 7", "problems 6").Replace(all), nil},
	} {
		l := base
		c.change(&l)
		d, err := Read(l.Document())
		if err != nil {
			t.Fatal(err)
		}
		by := map[Section]int{}
		for _, i := range d.Items {
			by[i.Section] += 1 + len(i.Parts)
			if i.Source == "" && len(i.Parts) == 0 {
				t.Errorf("%s: %s has no passage", name, i.Text)
			}
		}
		var read, unread []string
		for _, s := range slices.Sorted(maps.Keys(by)) {
			read = append(read, fmt.Sprintf("%s %d", s, by[s]))
		}
		for _, u := range d.Unread {
			unread = append(unread, u.What)
		}
		if got := strings.Join(read, ", "); got != c.read {
			t.Errorf("%s: read %s\nwant %s", name, got, c.read)
		}
		if !slices.Equal(unread, c.unread) {
			t.Errorf("%s: unread %q, want %q", name, unread, c.unread)
		}
	}
	body := base.Document()
	if string(body) != string(base.Document()) || len(body) < 85_000 || len(body) > 115_000 {
		t.Errorf("%d bytes", len(body))
	}
	d, err := Read(body)
	if err != nil {
		t.Fatal(err)
	}
	h := open(t)
	if _, a, _, err := Take(ctx, h.as(trust.Physician, "anna"), Upload{Patient: "maria", Body: body, Read: d}); err != nil || a.Added+a.Left != len(d.Items) || a.Added < 15 {
		t.Fatalf("of %d: %+v %v", len(d.Items), a, err)
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

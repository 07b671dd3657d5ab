package document

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/trust"
)

// TestLengthsInWords: when a course that began on 3 May 2026 may be over by its directions, and what of them says so.
func TestLengthsInWords(t *testing.T) {
	for directions, want := range map[string]string{
		"take 1 tablet every 12 hours for 10 days":                          "2026-05-13 for 10 days",
		"1 tab PO TID x 10 days":                                            "2026-05-13 x 10 days",
		"1 cap q8h x7d":                                                     "2026-05-10 x7d",
		"Take one tablet twice daily during 7 days.":                        "2026-05-10 during 7 days",
		"1 comprimido cada 8 horas por 10 días":                             "2026-05-13 por 10 días",
		"1 cada 12 horas durante una semana":                                "2026-05-10 durante una semana",
		"tomar 1 diaria por 2 semanas":                                      "2026-05-17 por 2 semanas",
		"twice daily for two weeks":                                         "2026-05-17 for two weeks",
		"For 10 days As needed":                                             "2026-05-13 For 10 days",
		"every 4-6 hours as needed for pain for up to 5 days":               "2026-05-08 for up to 5 days",
		"if needed for 3 days":                                              "2026-05-06 for 3 days",
		"twice daily for 7-10 days":                                         "2026-05-10 for 7-10 days",
		"for 10 (10) days":                                                  "2026-05-13 for 10 (10) days",
		"once daily for 1 month":                                            "2026-06-03 for 1 month",
		"10-day course, one tablet daily":                                   "2026-05-13 10-day course",
		"40 mg daily for 5 days, then 20 mg daily for 5 days, then stop":    "2026-05-13 for 5 days … for 5 days",
		"2 tablets on day 1, then 1 tablet daily for 4 days":                "",
		"for 10 days, then call the office":                                 "2026-05-13 for 10 days",
		"twice daily for 2 weeks, then once daily":                          "",
		"for 7 days, then as needed":                                        "",
		"apply 1 patch every 7 days":                                        "",
		"one every 10 days":                                                 "",
		"take for 21 days of each cycle":                                    "",
		"x 3 days a week":                                                   "",
		"90 tablets, for 30 days supply":                                    "",
		"apply patch for 12 hours":                                          "",
		"call if fever lasts for 3 days":                                    "",
		"stop if not better, used for more than 10 days":                    "",
		"has been taking it for 3 years":                                    "",
		"x 3 doses":                                                         "",
		"take 1 tablet (500 mg) by oral route every day":                    "",
		"Duration: 10 days":                                                 "2026-05-13 Duration: 10 days",
		"20 mg for 5 days. " + strings.Repeat("Take with food. ", mostSaid): "",
	} {
		got := ""
		if c := courseIn(directions); c != nil {
			got = c.end("2026-05-03") + " " + c.says
		}
		if got != want {
			t.Errorf("%.60s: %q, want %q", directions, got, want)
		}
	}
}

// TestACourseThatMayHaveEndedIsAskedAbout: it is not taken in with what is plain, and what the document says stays.
func TestACourseThatMayHaveEndedIsAskedAbout(t *testing.T) {
	amoxicillin := `<code code="308182" codeSystem="2.16.840.1.113883.6.88" displayName="amoxicillin 250 MG Oral Capsule"/>`
	from := func(low, high string) string {
		if high != "" {
			high = `<high value="` + high + `"/>`
		}
		return `<effectiveTime xsi:type="IVL_TS"><low value="` + low + `"/>` + high + `</effectiveTime>`
	}
	today := noon.Format("20060102")
	for name, c := range map[string]struct{ sig, when, want string }{
		"over":                     {"1 capsule every 8 hours for 10 days", from("20260503", ""), "This course may have ended: “for 10 days”, from 3 May 2026."},
		"by a month":               {"1 capsule every 8 hours for 10 days", from("202605", ""), "This course may have ended: “for 10 days”, from May 2026."},
		"no start":                 {"1 capsule every 8 hours for 10 days", "", "This course may have ended: “for 10 days”, and the document does not say from when."},
		"it runs":                  {"1 capsule every 8 hours for 10 days", from(noon.AddDate(0, 0, -9).Format("20060102"), ""), ""},
		"its last day was today":   {"1 capsule every 8 hours for 10 days", from(noon.AddDate(0, 0, -10).Format("20060102"), ""), "This course may have ended: “for 10 days”, from " + day(noon.AddDate(0, 0, -10).Format(time.DateOnly)) + "."},
		"a later end is coded too": {"1 capsule every 8 hours for 10 days", from("20260503", "20991231"), "This course may have ended: “for 10 days”, from 3 May 2026."},
		"no length":                {"1 capsule every 8 hours", from("20260503", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			h.maria()
			d := takenInOf(t, today, "", `<substanceAdministration classCode="SBADM" moodCode="EVN"><statusCode code="active"/>`+c.when+`<consumable><manufacturedProduct><manufacturedMaterial>`+amoxicillin+`</manufacturedMaterial></manufacturedProduct></consumable>`+freeSig(c.sig)+`</substanceAdministration>`)
			r := compared1(t, h, d)
			var said []string
			for _, x := range r.Doubts() {
				said = append(said, lang.Language{}.T(x.Words, x.Args...))
			}
			if asked := slices.Contains(said, c.want); asked != (c.want != "") || c.want == "" && len(said) > 0 {
				t.Errorf("says %q", said)
			}
			if r.Clear() != (c.want == "") {
				t.Errorf("clear: %v", r.Clear())
			}
			if got := r.Item.Resource; got.Path("dosage.0.text").Text() != c.sig || got.Get("status").Text() != "active" {
				t.Errorf("changed: %s", got.JSON())
			}
		})
	}
}

// compared1 holds a document of one item to Maria's chart.
func compared1(t *testing.T, h house, d *Document) Row {
	t.Helper()
	c, err := Compare(ctx, h.as(trust.Physician, "anna"), "maria", d)
	if err != nil || len(c.Rows) != 1 {
		t.Fatal(len(c.Rows), err)
	}
	return c.Rows[0]
}

// TestALengthInWordsIsKeptBesideACodedTime: the directions of the chart say it, though how often is coded.
func TestALengthInWordsIsKeptBesideACodedTime(t *testing.T) {
	entry := `<substanceAdministration classCode="SBADM" moodCode="EVN"><text>1 tablet daily for 10 days</text><statusCode code="active"/>` + since + daily + `<doseQuantity value="1" unit="{tablet}"/><consumable><manufacturedProduct><manufacturedMaterial>` + metformin + `</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>`
	d := takenIn(t, "", entry)
	if got := d.Items[0].Resource.Path("dosage.0.text").Text(); !strings.HasSuffix(got, ", once a day, for 10 days") {
		t.Errorf("directions: %q", got)
	}
}

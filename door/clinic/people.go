package clinic

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
)

// idsAtOnce bounds one query for people by their ids.
const idsAtOnce = 100

// people returns patients by id, in few queries. Whoever the reader may not see is absent.
func people(ctx context.Context, actor *record.Actor, ids []string) (map[string]chart.Patient, error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		if id != "" {
			wanted[id] = true
		}
	}
	out := map[string]chart.Patient{}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(wanted)), idsAtOnce) {
		found, err := actor.Find(ctx, "Patient", "_id="+strings.Join(some, ",")+"&_count=1000")
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			p := chart.PatientFrom(r)
			out[p.ID] = p
		}
	}
	return out, nil
}

// nameOf turns a registered person into the parts of a name.
func nameOf(p chart.Patient) ui.Name {
	return ui.Name{Family: p.Family, Given: p.Given, Title: p.Title, Preferred: p.Preferred}
}

// bannerOf identifies a patient on top of a page. Allergies that the page did not read stay
// "not available": it never claims that there are none.
func bannerOf(p chart.Patient, a chart.Allergies) *ui.Banner {
	return &ui.Banner{ID: p.ID, Name: nameOf(p), Born: p.Born, Died: diedOf(p), Sex: p.Sex,
		RecordNumber: p.RecordNumber, Phone: p.Phone, Reach: reachOf(p), Photo: p.Photo, Allergies: allergiesOf(a)}
}

func reachOf(p chart.Patient) ui.Reach { return ui.Reach{Way: string(p.Reach.Way), To: p.Reach.To} }

// diedOf is the date of death; a death without a date is said in words.
func diedOf(p chart.Patient) string {
	if p.Died == "" && p.Deceased {
		return "date not recorded"
	}
	return p.Died
}

// allergiesOf turns a chart's allergies into what a banner shows.
func allergiesOf(a chart.Allergies) ui.Allergies {
	out := ui.Allergies{Asked: a.Asked, Partial: a.Partial, State: map[chart.AllergyState]ui.AllergyState{
		chart.NotRecorded: ui.AllergiesNotRecorded, chart.NoneKnown: ui.NoKnownAllergies,
		chart.HasAllergies: ui.KnownAllergies}[a.State]}
	for _, x := range a.Denied {
		out.Denied = append(out.Denied, x.Agent)
	}
	for _, x := range a.Active {
		reaction := x.Reaction
		if reaction == "" {
			reaction = x.Severity
		}
		out.Items = append(out.Items, ui.Allergy{Substance: x.Agent, Reaction: reaction})
	}
	return out
}

package clinic

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// chartFrame is what every page of a chart has around its body: the navigation with its
// keys, and sometimes a column at the side.
type chartFrame struct {
	Patient string
	Current string         // part of the path: "problems"; "" is the summary
	Counts  map[string]int // by part; absent ones show no number
	Side    templ.Component
	Wide    bool // no navigation column
	// Disputes stand above the body: what the patient asked about the entries of the page.
	Disputes []rightsLine
	// Sight is set for who may say who sees an entry: the labels of each.
	Sight func(reference string) []string
	// Confirms returns the version of an imported entry of which the reader may confirm what was not sure; "" where not.
	Confirms func(reference string) string
}

// chartPart is one page of a chart.
type chartPart struct{ Label, Path, Key string }

// chartParts is the chart's navigation, in the order in which a chart is read.
func chartParts() []chartPart {
	return []chartPart{
		{"Summary", "", "s"}, {"Notes", "notes", "n"}, {"Results", "results", "r"}, {"Medications", "medications", "m"},
		{"Problems", "problems", "p"}, {"Allergies", "allergies", "a"}, {"Orders", "orders", "o"}, {"Vitals", "vitals", "v"},
		{"Immunizations", "immunizations", "i"}, {"Documents", "documents", "d"}, {"Messages", "messages", "c"},
		{"Timeline", "timeline", "t"}, {"Charges", "charges", "y"}, {"Programs", "programs", "u"},
		{"Details", "details", "x"}, {"Rights", "rights", "q"}, {"Who looked", "looked", "w"}, {"Emergency sheet", "emergency", "e"}, {"Emergency access", "emergency-access", "g"},
	}
}

// Href is the address of a part of this chart.
func (f chartFrame) Href(part string) string {
	return strings.TrimSuffix("/p/"+f.Patient+"/"+part, "/")
}

// frameOf makes the frame of a chart's page.
func frameOf(r *web.Request, c chart.Chart, current string) chartFrame {
	counts := map[string]int{"notes": len(c.Notes), "problems": len(c.ActiveProblems()), "allergies": len(c.Allergies.Active),
		"documents": len(c.Documents), "immunizations": len(c.Immunizations), "charges": c.Charges}
	return chartFrame{Patient: c.Patient.ID, Current: current, Counts: counts, Disputes: disputes(c, current), Sight: sightIn(r, c), Confirms: confirmsIn(r, c)}
}

// confirmsIn is chartFrame.Confirms: the versions are those that the page shows.
func confirmsIn(r *web.Request, c chart.Chart) func(string) string {
	versions := map[string]map[string]string{} // by type and id
	return func(reference string) string {
		t, id, _ := strings.Cut(reference, "/")
		if t == "DiagnosticReport" { // a final one is never changed so (package policy): its values are confirmed
			return ""
		}
		if versions[t] == nil && mayWrite(r, t) {
			versions[t] = map[string]string{}
			for _, n := range c.Resources(t) {
				versions[t][n.ID()] = n.Path("meta.versionId").Text()
			}
		}
		return versions[t][id]
	}
}

// chartPage is the page around a chart: its title, never with patient data in it, and the
// banner with the visit in progress.
func chartPage(r *web.Request, c chart.Chart, title string) ui.Page {
	b := bannerOf(c.Patient, c.Allergies)
	b.NoClinical = !mayRead(r, "AllergyIntolerance")
	if v, ok := c.OpenVisit(); ok && !b.NoClinical {
		b.Visit = visitWords(r, v)
	}
	return ui.Page{Title: r.Lang.T(title), Active: "/charts", Patient: b, Sheets: []string{"chart.css"}, Scripts: []string{"chart.js"}}
}

func visitWords(r *web.Request, v chart.Visit) string {
	started := chart.Moment(v.Start).In(r.Now().Location())
	since := started.Format("15:04")
	if started.Format(time.DateOnly) != r.Now().Format(time.DateOnly) {
		since = r.Lang.DateTime(v.Start, 0, r.Now().Location())
	}
	if v.Location == "" || strings.HasPrefix(v.Location, "Location/") {
		return r.Lang.T("Visit in progress since %s", since)
	}
	return r.Lang.T("Visit in progress, %s, since %s", v.Location, since)
}

// mayRead reports whether the reader's role reads a type at all.
func mayRead(r *web.Request, resourceType string) bool {
	return policy.May(r.Principal(), policy.Read, resourceType) == nil
}

// mayWrite reports whether the reader's role may add resources of a type.
func mayWrite(r *web.Request, resourceType string) bool {
	return policy.May(r.Principal(), policy.Create, resourceType) == nil
}

// nonce is a key for a form: sending the same form twice does the same thing once.
func nonce(r *web.Request) string { return ident.New(r.Now()) }

// staffNames returns the names of practitioners by reference, in few queries.
func staffNames(ctx context.Context, actor *record.Actor, refs ...string) (map[string]string, error) {
	ids := map[string]bool{}
	for _, ref := range refs {
		if id, ok := strings.CutPrefix(ref, "Practitioner/"); ok {
			ids[id] = true
		}
	}
	names := map[string]string{}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(ids)), idsAtOnce) {
		found, err := actor.Find(ctx, "Practitioner", "_id="+strings.Join(some, ",")+"&_count=1000")
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			p := chart.PatientFrom(n) // a Practitioner has the same name element
			name := strings.TrimSpace(p.Given + " " + p.Family)
			if p.Title != "" {
				name = p.Title + " " + name
			}
			names[n.Reference()] = name
		}
	}
	return names, nil
}

// who is the name behind a reference, or words that say that it is not known.
func who(ctx context.Context, names map[string]string, ref, written string) string {
	switch {
	case names[ref] != "":
		return names[ref]
	case written != "":
		return written
	case strings.HasPrefix(ref, "Patient/"):
		return ui.T(ctx, "the patient")
	case strings.HasPrefix(ref, "RelatedPerson/"):
		return ui.T(ctx, "somebody who acts for the patient")
	case ref == "":
		return ui.T(ctx, "author not recorded")
	}
	return ui.T(ctx, "someone outside of the clinic")
}

// faultsOf turns a refused input into messages beside the fields: those of the issues, or
// the fault's own at its path.
func faultsOf(r *web.Request, err error) ui.Faults {
	var faults ui.Faults
	f, ok := asFault(err)
	if !ok {
		return ui.Faults{{Text: web.FaultText(r, err)}}
	}
	for _, i := range f.Told() {
		faults.Add(i.Expression, web.IssueText(r, i))
	}
	if len(f.Issues) == 0 {
		faults.Add(f.Path, f.In(r.Lang.T))
	}
	return faults
}

// refused reports whether the person's input was the reason, so that the form is shown
// again; other faults are the page's.
func refused(err error) bool {
	return fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Stale)
}

// backTo is the page of this chart on which a form was sent, so that adding from the summary
// comes back to the summary.
func backTo(r *web.Request, otherwise string) string {
	to := r.FormValue("back")
	if to == "/p/"+r.PathValue("patient") || strings.HasPrefix(to, "/p/"+r.PathValue("patient")+"/") {
		return to
	}
	return otherwise
}

// confirmable is Confirms of a frame that may have none.
func confirmable(f chartFrame, reference string) string {
	if f.Confirms == nil {
		return ""
	}
	return f.Confirms(reference)
}

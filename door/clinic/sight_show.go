package clinic

import (
	"net/http"
	"slices"
	"sync"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/label"
	"github.com/osler-emr/osler/trust/policy"
)

// sightView is one entry of a chart, or the chart as a whole (Patient), with its sensitivity labels
// and the form that changes them.
type sightView struct {
	Frame   chartFrame
	Entry   rights.Entry
	Path    string // of the page on which the entry stands
	Labels  []record.LabelOrigin
	Acts    []record.LabelAct
	From    map[string]rights.Entry // what it derives from, as far as the reader sees it
	Derived []rights.Entry          // what derives from it and bears one of its labels
	Never   string                  // why none is set here by hand; "" where one is
	Can     []policy.Label          // what the reader can set or take off here
	Had     []string                // of these, what was on when the form was drawn
	Chosen  []string
	Reason  string
	Faults  ui.Faults
}

// sightIn returns how the labels of an entry of a chart are looked up by its reference; nil for who
// may not set any. Pages ask for few entries of many, so the index is made when the first is asked for.
func sightIn(r *web.Request, c chart.Chart) func(reference string) []string {
	if policy.MayLabel(r.Principal()) != nil {
		return nil
	}
	index := sync.OnceValue(func() map[string][]string {
		m := map[string][]string{}
		c.Any(func(n *fhir.Node) bool {
			if l := record.Labels(n); len(l) > 0 {
				m[n.Reference()] = l
			}
			return false
		})
		return m
	})
	return func(reference string) []string { return index()[reference] }
}

func sightTitle(r *web.Request, c chart.Chart) ui.Page {
	p := chartPage(r, c, "Who may see it")
	p.Sheets = append(p.Sheets, "office.css")
	return p
}

// sightShow tells who may see one entry, and why not everybody.
func sightShow(w http.ResponseWriter, r *web.Request) error { return showSight(w, r, sightView{}) }

// showSight shows an entry; v may hold a refused form.
func showSight(w http.ResponseWriter, r *web.Request, v sightView) error {
	ctx, t, id := r.Context(), r.PathValue("type"), r.PathValue("id")
	c, err := chart.Read(ctx, r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(c.Resources(t), func(n *fhir.Node) bool { return n.ID() == id })
	if i < 0 || !policy.InCharts(t) {
		return fault.New(fault.NotFound, "There is no such entry in this chart, or you may not see it.")
	}
	v.Frame, v.Entry = frameOf(r, c, "rights"), rights.EntryOf(c.Resources(t)[i])
	v.Path = entryPath(v.Frame, v.Entry)
	if v.Labels, v.Acts, err = r.Actor.LabelsOf(ctx, t, id); err != nil {
		return err
	}
	v.related(c)
	if err := policy.MayHide(t); err != nil {
		v.Never = web.FaultText(r, err)
	}
	for _, l := range policy.Labels {
		on := slices.ContainsFunc(v.Labels, func(o record.LabelOrigin) bool { return o.Code == l.Code && !o.Off })
		if policy.Fits(r.Principal(), t, l.Code) != nil || v.Never != "" && !on {
			continue
		}
		v.Can = append(v.Can, l)
		if on {
			v.Had = append(v.Had, l.Code)
		}
	}
	if len(v.Faults) > 0 {
		return web.Invalid(w, r, sightTitle(r, c), sightPage(v))
	}
	v.Chosen = v.Had
	return web.Page(w, r, sightTitle(r, c), sightPage(v))
}

// related finds the names of what the entry derives from, and what derives from it: labels go on to
// that, and are taken off there one by one.
func (v *sightView) related(c chart.Chart) {
	v.From = map[string]rights.Entry{}
	for _, o := range v.Labels {
		for _, ref := range o.From {
			v.From[ref] = rights.EntryIn(ref, c.Resources)
		}
	}
	me := v.Entry.Type + "/" + v.Entry.ID
	c.Any(func(n *fhir.Node) bool {
		if len(record.Labels(n)) > 0 && slices.Contains(label.Sources(n), me) {
			v.Derived = append(v.Derived, rights.EntryOf(n))
		}
		return false
	})
	byDate(v.Derived)
}

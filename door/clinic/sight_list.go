package clinic

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// sightListView is the chart by who sees it.
type sightListView struct {
	Frame    chartFrame
	Chart    []string       // labels of the chart as a whole
	Labelled []rights.Entry // entries that not everybody sees
	Kinds    []ui.Option
	Kind     string
	Entries  []rights.Entry // of the kind, newest first
	More     int
}

// sightShown is how many entries of a kind are listed.
const sightShown = 200

// sightList shows what of a chart not everybody sees, and leads to every entry.
func sightList(w http.ResponseWriter, r *web.Request) error {
	c, err := chart.Read(r.Context(), r.Actor, r.PathValue("patient"))
	if err != nil {
		return err
	}
	v := sightListView{Frame: frameOf(r, c, "rights"), Kind: r.FormValue("kind")}
	kinds := map[string]int{}
	c.Any(func(n *fhir.Node) bool {
		t := n.ResourceType()
		labels := record.Labels(n)
		switch {
		case t == "Patient":
			v.Chart = labels
			return false
		case !policy.InCharts(t):
			return false
		}
		kinds[t]++
		e := rights.EntryOf(n)
		if len(labels) > 0 {
			v.Labelled = append(v.Labelled, e)
		}
		if t == v.Kind {
			v.Entries = append(v.Entries, e)
		}
		return false
	})
	for t, n := range kinds {
		v.Kinds = append(v.Kinds, ui.Option{Value: t, Label: r.Lang.T(typeWord(t)) + " (" + strconv.Itoa(n) + ")"})
	}
	slices.SortFunc(v.Kinds, func(a, b ui.Option) int { return cmp.Compare(a.Label, b.Label) })
	byDate(v.Labelled)
	byDate(v.Entries)
	v.More = max(0, len(v.Entries)-sightShown)
	v.Entries = first(v.Entries, sightShown)
	return web.Page(w, r, sightTitle(r, c), sightListPage(v))
}

// byDate sorts entries newest first.
func byDate(list []rights.Entry) {
	slices.SortFunc(list, func(a, b rights.Entry) int {
		return cmp.Or(chart.Moment(b.When).Compare(chart.Moment(a.When)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
}

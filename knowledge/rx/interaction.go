package rx

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/lang"
	"github.com/osler-emr/osler/knowledge/drug"
)

// group is one side of a pair: any of the names, classes or flags, except some names.
type group struct {
	names   string // separated by commas
	classes string // separated by commas
	flags   drug.Flag
	except  string
}

func (g group) has(i drug.Ingredient) bool {
	if listed(g.except, i.Name) {
		return false
	}
	return listed(g.names, i.Name) || listed(g.classes, string(i.Class)) || g.flags != 0 && i.Flags.Has(g.flags)
}

func listed(list, name string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if s != "" && strings.TrimSpace(s) == name {
			return true
		}
	}
	return false
}

// pair is one interaction. Effect is a sentence in which {a} and {b} stand for the two
// medicines.
type pair struct {
	id       string
	tier     Tier
	a, b     group
	title    string
	effect   string
	evidence string
	source   string
	order    string // LOINC of the test that monitors it; "" for none
	test     string // its name
	days     int
	// potassium marks pairs that the potassium check merges into its own finding.
	potassium bool
}

// pairs are all tables in order of loudness.
var pairs = slices.Concat(highPriority, labelPairs, gradedPairs, quietPairs)

func checkInteractions(s *state) lang.Text {
	seen := 0
	for _, k := range s.current {
		if len(k.ingredients) == 0 {
			s.miss(Interactions, k.Text, notKnown(k))
			continue
		}
		if !k.complete {
			s.miss(Interactions, k.Text, "only partly understood: interactions were looked for with %s only", names(k.ingredients))
		}
		seen++
		for _, mine := range s.mine {
			for _, theirs := range k.ingredients {
				s.interaction(mine, theirs, k)
			}
		}
	}
	if len(s.current) == 0 {
		return lang.Say("no other medicine on the list")
	}
	if seen == 1 {
		return lang.Say("compared with 1 medicine")
	}
	return lang.Say("compared with %d medicines", seen)
}

func notKnown(k known) string {
	if k.Stated {
		return "patient-stated and not coded, so interactions and duplicates with it were not looked for"
	}
	return "not in the catalogue, so interactions and duplicates with it were not looked for"
}

// interaction reports the loudest pair that fits; quieter rules about the same two
// medicines would only repeat it, unless they tell of another effect.
func (s *state) interaction(mine, theirs drug.Ingredient, k known) {
	if mine.Name == theirs.Name {
		return
	}
	told := map[string]bool{}
	for _, p := range pairs {
		var a, b any
		switch {
		case p.a.has(mine) && p.b.has(theirs):
			a, b = mine.Name, k.other(theirs)
		case p.a.has(theirs) && p.b.has(mine):
			a, b = k.other(theirs), mine.Name
		default:
			continue
		}
		if told[p.title] {
			continue
		}
		told[p.title] = true
		s.find(Finding{
			Rule: p.id, Tier: p.tier, Title: p.title,
			Said:     p.said(a, b),
			Evidence: p.evidence, Source: p.source,
			Involves: []Involved{{k.ID, k.Text}, {"", mine.Name}, {"", theirs.Name}},
			Actions:  p.ways(k, theirs),
		})
	}
}

// said is the effect with the two medicines in their places.
func (p pair) said(a, b any) lang.Text { return lang.Say(inPlaces[p.effect], a, b) }

// inPlaces are the effects as texts: %[1]s for {a}, %[2]s for {b}.
var inPlaces = func() map[string]string {
	out := map[string]string{}
	for _, p := range pairs {
		out[p.effect] = strings.NewReplacer("{a}", "%[1]s", "{b}", "%[2]s").Replace(p.effect)
	}
	return out
}()

// ways are the three ways out: another medicine, stop the other, keep.
func (p pair) ways(k known, theirs drug.Ingredient) []Action {
	ways := []Action{{Deed: Change, Label: "Choose another medicine"}, Action{Deed: StopIt, Target: k.ID}.labelled("Stop %s", theirs.Name)}
	switch {
	case p.tier == Quiet:
		return nil
	case p.order != "" && p.tier == Warning:
		return append(ways, Action{Deed: Monitor, Order: p.order, Days: p.days}.labelled("Keep, check %s in %d days", lang.Say(p.test), p.days))
	}
	return append(ways, Action{Deed: Keep, Label: "Prescribe anyway"})
}

// MonitoringTests returns the LOINC codes of all tests that findings offer to order.
func MonitoringTests() []string {
	codes := []string{loincPotassium, loincCreatinine}
	for _, p := range pairs {
		if p.order != "" && !slices.Contains(codes, p.order) {
			codes = append(codes, p.order)
		}
	}
	return codes
}

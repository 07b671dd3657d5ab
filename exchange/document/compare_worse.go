package document

import (
	"regexp"

	"github.com/osler-emr/osler/fhir"
)

// Worse reports whether the document has a worse reaction to a substance than the chart's entry, which the banner goes by.
func (r Row) Worse() bool {
	if r.entry.ResourceType() != "AllergyIntolerance" || r.State == Same || r.State == Against {
		return false
	}
	n := r.Item.Resource
	return !over(n) && danger(n) > max(danger(r.entry), 1)
}

// over reports whether an allergy is not so any more, or never was.
func over(n *fhir.Node) bool {
	s := code(n.Get("clinicalStatus"))
	return s == "inactive" || s == "resolved" || code(n.Get("verificationStatus")) == "refuted"
}

// raise puts into a chart's allergy what an item says worse of it: its reactions that are severe or worse than all that
// stands there, and high criticality. It takes nothing out and lowers nothing, and leaves an allergy that is over. Where
// they may not be the same, the reaction says to what it was.
func (r *Row) raise(n *fhir.Node) (reaction, criticality bool) {
	item := r.Item.Resource
	if n.ResourceType() != "AllergyIntolerance" || over(item) || over(n) {
		return false, false
	}
	list, least := fhir.Arr(), max(worst(n), 1)
	for x := range n.Get("reaction").Items() {
		list.Append(x.Clone())
	}
	high := item.Get("criticality").Text() == "high"
	for x := range item.Get("reaction").Items() {
		if d := dangerOf(x); d < 3 && d <= least || reactsSo(n, x) {
			continue
		} else if d == 3 {
			high = true
		}
		x = x.Clone()
		if !r.sure && x.Get("substance") == nil {
			x.SetFirst(0, "substance", item.Get("code").Clone())
		}
		list.Append(x)
		reaction = true
	}
	if reaction {
		n.Set("reaction", list)
	}
	if criticality = high && n.Get("criticality").Text() != "high"; criticality {
		n.Set("criticality", fhir.Str("high"))
	}
	return reaction, criticality
}

// reactsSo reports whether an allergy has a reaction already, as bad as it is said to be.
func reactsSo(n, reaction *fhir.Node) bool {
	for has := range n.Get("reaction").Items() {
		if dangerOf(has) >= dangerOf(reaction) && (words(reaction.Path("manifestation.0")) == undescribed || contains(has.Get("manifestation"), reaction.Get("manifestation"))) {
			return true
		}
	}
	return false
}

// MergeSays is what Merge does with the item, a text of the message catalogue.
func (r Row) MergeSays() string {
	switch {
	case r.reacts && r.raises:
		return "Merge adds this reaction to the chart's entry and raises its criticality to high; what stands there stays."
	case r.reacts:
		return "Merge adds this reaction to the chart's entry; what stands there stays."
	case r.raises:
		return "Merge raises the criticality of the chart's entry to high; what stands there stays."
	case r.entry.ResourceType() == "AllergyIntolerance" && over(r.entry) && !over(r.Item.Resource):
		return "The chart says that this is over or was none, and Merge leaves it so: choose Add, or change it in the chart."
	case r.Worse():
		return "Merge leaves the chart's milder reaction: choose Add, or change it in the chart."
	case r.Merges:
		return "Merge notes in the chart's entry that it is listed there too; its own words stay."
	}
	return "Merge leaves the chart's entry as it is, and counts the item as known."
}

// threatens finds reactions that threaten life, whatever their severity is said to be.
var threatens = regexp.MustCompile(`(?i)\b(?:anaphyla|stevens.johnson|toxic epidermal|cardiac arrest|death\b|fatal|angio-?o?edema|quincke|laryngeal|bronchospasm|wheez|short(?:ness of)? breath|dyspno?ea|difficulty (?:in )?breathing|(?:swelling|swollen|o?edema).{0,12}\b(?:face|tongue|throat|larynx)|(?:face|facial|tongue|throat)\b.{0,8}(?:swelling|swollen|o?edema))`)

// threatening are codes of SNOMED CT of such reactions, which may come without a word: anaphylaxis, angioedema,
// Stevens-Johnson syndrome, bronchospasm, wheezing, short breath, oedema of the larynx.
var threatening = map[string]bool{"267036007": true, "39579001": true, "41291007": true, "73442001": true, "4386001": true, "56018004": true, "51599000": true}

// danger is how bad an allergy is: 0 where nothing says it, 1 mild, 2 moderate, 3 severe or threatening life.
func danger(n *fhir.Node) int {
	if n.Get("criticality").Text() == "high" {
		return 3
	}
	return worst(n)
}

// worst is how bad the worst reaction of an allergy is.
func worst(n *fhir.Node) (worst int) {
	for reaction := range n.Get("reaction").Items() {
		worst = max(worst, dangerOf(reaction))
	}
	return worst
}

// dangerOf is how bad a reaction is.
func dangerOf(reaction *fhir.Node) int {
	for m := range reaction.Get("manifestation").Items() {
		if threatens.MatchString(conceptText(m)) {
			return 3
		}
		for c := range m.Get("coding").Items() {
			if threatening[c.Get("code").Text()] {
				return 3
			}
		}
	}
	return graver[reaction.Get("severity").Text()]
}

// allManifest reports whether the reactions of an entry show all that those of an item show.
func allManifest(entry, item *fhir.Node) bool {
	for r := range item.Items() {
		for m := range r.Get("manifestation").Items() {
			if !manifest(entry, m, "") {
				return false
			}
		}
	}
	return item.Len() > 0
}

// allSevere reports whether the reactions of an entry have the severities of an item's.
func allSevere(entry, item *fhir.Node) bool {
	for r := range item.Items() {
		if s := r.Get("severity").Text(); s != "" && !manifest(entry, r.Path("manifestation.0"), s) {
			return false
		}
	}
	return item.Len() > 0
}

// manifest reports whether one of the reactions shows something, with a severity where that is asked.
func manifest(reactions, shown *fhir.Node, severity string) bool {
	for r := range reactions.Items() {
		if (severity == "" || r.Get("severity").Text() == severity) && contains(r.Get("manifestation"), shown) {
			return true
		}
	}
	return false
}

package patient

import (
	"strings"

	"github.com/osler-emr/osler/fhir/search"
)

// Alike returns the ids of the people in a list whose names cannot be told apart from another's
// there: the same name, with other accents or case, or with letters of another script that look
// the same. Whoever chooses one of them has to look at the date of birth. One name twice is
// the commonest way to the wrong chart.
func Alike(list []Person) map[string]bool {
	first, out := map[string]string{}, map[string]bool{}
	for _, p := range list {
		look := looks(p.Family) + "|" + looks(p.Given)
		if look == "|" {
			continue
		}
		if other, ok := first[look]; ok && other != p.ID {
			out[other], out[p.ID] = true, true
			continue
		}
		first[look] = p.ID
	}
	return out
}

// looks is what a name looks like: folded as for the search, with letters that are drawn like
// Latin ones as those (Unicode Technical Standard 39, the letters of names in Cyrillic, Greek,
// Armenian and the digits).
func looks(name string) string {
	return alike.Replace(search.Normalize(name))
}

var alike = strings.NewReplacer(
	// Cyrillic
	"а", "a", "в", "b", "е", "e", "ё", "e", "з", "3", "і", "i", "ї", "i", "ј", "j", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "с", "c", "т", "t", "у", "y", "х", "x", "ѕ", "s", "ԁ", "d", "ԛ", "q", "ԝ", "w", "һ", "h", "ѵ", "v", "г", "r", "п", "n", "ь", "b", "ч", "4",
	// Greek
	"α", "a", "β", "b", "ε", "e", "η", "n", "ι", "i", "κ", "k", "μ", "m", "ν", "v", "ο", "o", "ρ", "p", "σ", "o", "ς", "s", "τ", "t", "υ", "u", "χ", "x", "γ", "y", "ω", "w", "ζ", "z",
	// Armenian
	"օ", "o", "ո", "n", "ս", "u", "հ", "h", "ց", "g", "զ", "q", "ռ", "n",
	// Latin letters and digits that pass for others
	"ı", "i", "ℓ", "l", "ɑ", "a", "ɡ", "g", "ƅ", "b", "0", "o", "1", "l", "|", "l", "rn", "m", "vv", "w",
)

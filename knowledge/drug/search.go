package drug

import (
	"slices"
	"strings"
)

// Search returns the order sentences whose generic name, other name, brand or usual reason
// starts with what was typed, best first: name before brand before reason. Several words
// must all match, so "lisin 20" finds the 20 mg tablet. Less than two letters find nothing.
func Search(typed string, limit int) []Sentence {
	words := strings.Fields(strings.ToLower(typed))
	if len(words) == 0 || len([]rune(words[0])) < 2 {
		return nil
	}
	type hit struct {
		rank int
		at   int
	}
	var hits []hit
	for at := range sentences {
		if rank, ok := matchAll(&sentences[at], words); ok {
			hits = append(hits, hit{rank, at})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return a.rank - b.rank })
	var out []Sentence
	for _, h := range hits {
		if limit > 0 && len(out) == limit {
			break
		}
		out = append(out, sentences[h.at])
	}
	return out
}

// ForReason returns the sentences with this usual reason, for the alternatives beside a
// prescription.
func ForReason(reason string) []Sentence {
	var out []Sentence
	for _, s := range sentences {
		if reason != "" && strings.EqualFold(s.For, reason) {
			out = append(out, s)
		}
	}
	return out
}

// matchAll ranks a sentence: 0 the first ingredient's name, 1 another ingredient, 2 a
// brand or other name, 3 strength, form or reason. The worst word decides, the first word's rank weighs most.
func matchAll(s *Sentence, words []string) (int, bool) {
	total := 0
	for i, w := range words {
		r := matchWord(s, w)
		if r < 0 {
			return 0, false
		}
		if i == 0 {
			r *= 10
		}
		total += r
	}
	if len(s.Ingredients) > 1 {
		total++
	}
	return total, true
}

func matchWord(s *Sentence, w string) int {
	for i, n := range s.Ingredients {
		if strings.HasPrefix(n, w) || strings.HasPrefix(w, n) && strings.HasPrefix(s.Name(), w) {
			return min(i, 1)
		}
	}
	for _, n := range s.Ingredients {
		row, _ := ByName(n)
		if prefixOfAny(row.Brands+","+row.Also, w) && len(s.Ingredients) == 1 || prefixOfWord(n, w) {
			return 2
		}
	}
	for _, c := range combinations {
		if slices.Equal(c.Ingredients, s.Ingredients) && strings.HasPrefix(strings.ToLower(c.Brand), w) {
			return 2
		}
	}
	if prefixOfWord(s.Strength, w) || prefixOfWord(s.Form, w) || prefixOfWord(s.For, w) {
		return 3
	}
	return -1
}

func prefixOfAny(list, w string) bool {
	for _, n := range split(list) {
		if strings.HasPrefix(strings.ToLower(n), w) {
			return true
		}
	}
	return false
}

func prefixOfWord(text, w string) bool {
	for part := range strings.FieldsSeq(strings.ToLower(text)) {
		if strings.HasPrefix(part, w) {
			return true
		}
	}
	return false
}

// Near returns an order sentence of the first medicine of Alike that has one. It is a guess to ask
// a person about, no more: names of different medicines are alike too.
func Near(text string) (Sentence, bool) {
	for _, i := range Alike(text) {
		for _, s := range sentences {
			if len(s.Ingredients) == 1 && s.Ingredients[0] == i.Name {
				return s, true
			}
		}
	}
	return Sentence{}, false
}

// Alike returns the medicines whose name is written almost like a word that Recognise does not
// understand, the most alike first: one letter off, or two in a long word, or the same word in the
// spelling of another language ("azitromicina").
func Alike(text string) []Ingredient {
	var out []Ingredient
	for _, word := range Unread(text) {
		letters := []rune(word)
		if len(letters) < 5 || len(letters) > 40 {
			continue
		}
		limit := 1 + min(1, len(letters)/8)
		off := map[string]int{}
		var near []Ingredient
		for _, i := range ingredients {
			if d := unlike(letters, i.Name); d <= limit {
				off[i.Name] = d
				near = append(near, i)
			}
		}
		slices.SortStableFunc(near, func(a, b Ingredient) int { return off[a.Name] - off[b.Name] })
		for _, i := range near {
			out = addIngredient(out, i)
		}
	}
	return out
}

// unlike is how many letters a word is off the name of an ingredient, or off its first word
// ("penicillin v"); one, for another spelling of the same.
func unlike(word []rune, name string) int {
	first, _, _ := strings.Cut(name, " ")
	if spelled := spelling(string(word)); spelled == spelling(name) || spelled == spelling(first) && len(first) > 4 {
		return 1
	}
	d := distance(word, []rune(name))
	if first != name && len(first) > 4 {
		d = min(d, distance(word, []rune(first)))
	}
	return d
}

var spellings = strings.NewReplacer("ph", "f", "th", "t", "y", "i", "ll", "l", "rr", "r", "á", "a", "à", "a", "â", "a", "ã", "a", "ä", "a",
	"é", "e", "è", "e", "ê", "e", "í", "i", "ì", "i", "ï", "i", "ó", "o", "ò", "o", "ô", "o", "õ", "o", "ö", "o", "ú", "u", "ù", "u", "ü", "u", "ç", "c", "ñ", "n")

// spelling is a name without what languages write differently: "azitromicina", "azithromycin".
func spelling(name string) string { return strings.TrimRight(spellings.Replace(name), "aeo") }

// distance counts the letters to add, drop or change between two words (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		before := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := before
			if x != y {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

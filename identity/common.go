package identity

import (
	"regexp"
	"slices"
	"strings"
)

// Common passwords of twelve characters and more are made, not invented: a word that everybody
// thinks of, twice or with digits and signs behind it, letters replaced by the digits that look
// like them, or a walk over the keyboard. So they are refused by how they are made; a list of
// leaked ones, which no licence lets us ship, would know fewer. What is left when the ornaments
// are gone has to be more than such words.

// thought are the words that come first, with those of this house and this program: written for
// Osler, from what the field's own literature names as most frequent. Letters only.
var thought = strings.Fields(`password passwort passwd pass contrasena motdepasse secret secreto geheim letmein welcome bienvenido
	willkommen admin administrator root user login signin guest test testing default changeme change please iloveyou loveyou love
	monkey dragon princess sunshine shadow master superman batman football baseball basketball soccer hockey jordan michael
	jennifer ashley charlie daniel thomas george freedom whatever trustno hello hunter ranger killer pepper ginger flower
	cheese chocolate cookie computer internet google facebook microsoft windows apple samsung summer winter spring autumn fall
	january february march april may june july august september october november december monday tuesday wednesday thursday
	friday saturday sunday hospital clinic clinica klinik practice medical medicine medico health healthcare doctor doc nurse
	nursing physician surgeon pharmacy pharmacist patient patients record records chart osler emr ehr family care
	correct horse battery staple super the my is new old one two three first last qwerty qwertz azerty abc abcd abcdef company
	work office home house city america england london newyork texas california god jesus money lucky magic star money blink`)

// looks are digits and signs that stand for letters.
var looks = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i", "8", "b")

// walks are keys beside each other, and what is counted.
var walks = []string{"qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm", "azertyuiopqsdfghjklmwxcvbn", "abcdefghijklmnopqrstuvwxyz",
	"01234567890123456789", "1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p", "qazwsxedcrfvtgbyhnujmikolp", "asdfghjklqwertyuiop", "zaq1xsw2cde3vfr4bgt5"}

// leastWalk is how long a walk is at least: four keys in a row stand in many words.
const leastWalk = 5

// notLetters are ornaments: digits, signs and marks. A picture counts as a letter: nobody's list holds rows of them.
var notLetters = regexp.MustCompile(`[^\p{L}\p{So}]+`)

// common reports whether a password, in lower case and without spaces, is nothing but words that
// come first, walks, digits and signs, or the user name with little around it.
func common(password, user string) bool {
	for _, text := range []string{password, looks.Replace(password), looks.Replace(strings.TrimRight(password, "0123456789!@#$%&*?.-_"))} {
		left := notLetters.ReplaceAllString(withoutWalks(text), " ")
		if left = withoutWords(left, user); len([]rune(left)) < 4 {
			return true
		}
	}
	return false
}

// withoutWalks takes keys beside each other out, in both directions.
func withoutWalks(s string) string {
	for _, walk := range walks {
		for _, w := range []string{walk, backwards(walk)} {
			for n := len(w); n >= leastWalk; n-- {
				for at := 0; at+n <= len(w); at++ {
					s = strings.ReplaceAll(s, w[at:at+n], " ")
				}
			}
		}
	}
	return s
}

func backwards(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// withoutWords takes the words that come first and the parts of the user name out, the longest
// first, and returns the letters that are left.
func withoutWords(s, user string) string {
	words := slices.Concat(thought, notLetters.Split(strings.ToLower(user), -1))
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	for _, w := range words {
		if len(w) > 1 {
			s = strings.ReplaceAll(s, w, " ")
		}
	}
	return strings.Join(strings.Fields(s), "")
}

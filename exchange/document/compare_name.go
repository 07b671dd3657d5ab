package document

import (
	"slices"
	"strings"
	"unicode"

	"github.com/osler-emr/osler/fhir"
)

// People are called by short names, by a middle name, by the name before they married, and as each clerk spells
// another alphabet. All that is the same person. Another given name is not, with the same family, birth date and
// sex least of all: twins have these in common.

// calling is a name of a person: its family and its given names in folded words, both all of it when it is one text.
type calling struct {
	family, given []string
	whole         bool
}

type callings []calling

// mostNames is how many names of a person are compared, and how many words of each: nobody has more.
const mostNames = 20

func callingsOf(who *fhir.Node) (out callings) {
	for n := range who.Get("name").Items() {
		if len(out) == mostNames {
			break
		}
		c := calling{family: nameWords(n.Get("family").Text())}
		for g := range n.Get("given").Items() {
			c.given = append(c.given, nameWords(g.Text())...)
		}
		if len(c.family)+len(c.given) == 0 { // one text, of which nobody says what is which
			c.family = nameWords(n.Get("text").Text())
			c.given, c.whole = c.family, true
		}
		c.family, c.given = c.family[:min(len(c.family), mostNames)], c.given[:min(len(c.given), mostNames)]
		if len(c.family)+len(c.given) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// noName are words that systems write where they have no name.
var noName = map[string]bool{"unknown": true, "unk": true, "none": true, "nfn": true, "nmn": true, "nln": true, "lnu": true, "fnu": true, "anonymous": true}

func nameWords(s string) (out []string) {
	for _, w := range strings.Fields(folded(s)) {
		if w = strings.Trim(w, ".%"); w != "" && !noName[w] {
			out = append(out, w)
		}
	}
	return out
}

// hasGiven reports whether somebody has a given name at all: not everybody does.
func (c callings) hasGiven() bool {
	for _, n := range c {
		if len(n.given) > 0 {
			return true
		}
	}
	return false
}

// meet compares the names of two people.
func (c callings) meet(others callings) (family, given bool) {
	for _, a := range c {
		for _, b := range others {
			if a.whole && b.whole { // the first word may be the family's
				given = given || sameFamily(a.given, b.given)
			} else if sameGiven(a.given, b.given) {
				given = true
			}
			if sameFamily(a.family, b.family) {
				family = true
			}
			if sameFamily(a.family, b.given) && sameFamily(a.given, b.family) { // written the other way round
				family, given = true, true
			}
		}
	}
	return family, given
}

// sameGiven reports whether the first given name of one is among the other's: of Isabella Maria and Maria, but
// not of Anna Maria and Eva Maria.
func sameGiven(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return strings.Join(a, "") == strings.Join(b, "") || slices.ContainsFunc(b, func(w string) bool { return sameFirst(a[0], w) }) ||
		slices.ContainsFunc(a, func(w string) bool { return sameFirst(w, b[0]) })
}

// particles are no family names by themselves.
var particles = map[string]bool{"de": true, "da": true, "do": true, "dos": true, "del": true, "della": true, "di": true, "du": true, "la": true, "le": true, "los": true, "y": true,
	"e": true, "van": true, "von": true, "der": true, "den": true, "ten": true, "ter": true, "zu": true, "al": true, "el": true, "bin": true, "ibn": true, "bint": true, "ben": true,
	"st": true, "san": true, "jr": true, "sr": true, "ii": true, "iii": true}

// sameFamily reports whether one family name is the other, or a part of it: García, and García López.
func sameFamily(a, b []string) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if x, y := strings.Join(a, ""), strings.Join(b, ""); x == y || sameSpelling(x, y) {
		return true
	}
	plain := func(list []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(w string) bool { return particles[w] })
	}
	a, b = plain(a), plain(b)
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(a) > 0 && !slices.ContainsFunc(a, func(w string) bool {
		return !slices.ContainsFunc(b, func(v string) bool { return sameSpelling(w, v) })
	})
}

// sameFirst reports whether two given names are one: an initial, the beginning of the other, a short form, or
// another spelling.
func sameFirst(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	n := len([]rune(a))
	if (n == 1 || n >= 3) && strings.HasPrefix(b, a) {
		return true
	}
	for _, short := range shortNames {
		if slices.Contains(short, a) && slices.Contains(short, b) {
			return true
		}
	}
	return sameSpelling(a, b)
}

// spellings are letters of which another clerk writes others, the longer first.
var spellings = strings.NewReplacer("sch", "s", "tch", "k", "ph", "f", "ck", "k", "ch", "k", "kh", "k", "gh", "g", "sh", "s", "th", "t", "zh", "s", "ts", "s", "tz", "s", "dj", "j", "dzh", "j",
	"ce", "se", "ci", "si", "cy", "si", "c", "k", "q", "k", "x", "ks", "w", "v", "z", "s", "ou", "u", "oo", "u", "ue", "u", "oe", "o", "ae", "a", "ee", "i", "ei", "e", "ai", "e", "ay", "e", "ey", "e",
	"ij", "i", "iy", "i", "yi", "i", "ı", "i", "ł", "l", "ø", "o", "ß", "s")

// sounds is a name as it sounds, roughly: its consonants, and its vowels.
func sounds(s string) (consonants, vowels string) {
	if s == "" {
		return "", ""
	}
	if s[0] == 'y' {
		s = "j" + s[1:]
	}
	var last rune
	for i, r := range spellings.Replace(s) {
		if i > 0 && (r == 'y' || r == 'j') {
			r = 'i'
		}
		if r == 'o' {
			r = 'u'
		}
		if r == last || i > 0 && r == 'h' {
			continue
		}
		last = r
		if strings.ContainsRune("aeiu", r) {
			vowels += string(r)
		} else {
			consonants += string(r)
		}
	}
	return consonants, vowels
}

// sameSpelling reports whether two names are spellings of one: Mohammed and Muhammad, Mueller and Müller. Short
// names are another by a single vowel: Dana and Dina.
func sameSpelling(a, b string) bool {
	if a == b {
		return true
	}
	x, v := sounds(a)
	y, w := sounds(b)
	if x != y || x == "" || !latin(a) || !latin(b) {
		return false
	}
	return v == w || len(x) >= 3 && oneApart(v, w)
}

func latin(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.Is(unicode.Latin, r) })
}

// oneApart reports whether two words become one by a letter: left out, changed, or changed with the next.
func oneApart(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	switch {
	case len(b)-len(a) > 1:
		return false
	case len(b) > len(a):
		return a[i:] == b[i+1:]
	case i == len(a):
		return true
	case a[i+1:] == b[i+1:]:
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// shortNames are given names that people use for one another, where neither begins the other.
var shortNames = func() (out [][]string) {
	for _, line := range strings.Split(`abigail abby gail
alexander alexandra alex sasha sandra sandy lex aleksandr oleksandr alejandro iskander xander
albert alfred al bert alfie fred
andrew andrea andy drew andrei andrzej andreas andres
anthony antonio anton tony toni
ann anna anne annie nan nancy hannah anya ania
barbara babs barb bobbie
benjamin ben benny benji
bernard bernie
catherine katherine kathryn katharina katarzyna ekaterina yekaterina catalina kate katie kathy cathy kitty kay katya kasia
charles carl karl carlos karol charlie chuck chas
christine christina krystyna chris tina chrissy christopher kit topher
daniel daniela dan danny
david dave davy dov dawid
deborah debra debbie
dorothy dot dottie dolly
edward edmund edgar edwin ed eddie ted teddy ned eduardo
eleanor ellen elena helen helena nell nellie nora lena
elizabeth elisabeth elspeth isabel isabella isabelle beth betty betsy bess eliza liz lizzie lisa elsa libby liesel lilibet bella erzsebet
emily emma emmy em
eugene evgeny yevgeny gene
florence flo florrie
francis frances francisco francesca franz frank fran frankie paco pancho kiko franciszek
frederick fred freddie fritz rick
george georgina georgia jorge yuri jerzy giorgio
gerald gerard gerry jerry
gertrude trudy
grace gracie
gregory greg grzegorz grisha
harold harry hal
henry harry hank hal henrik enrique heinrich henri
ignacio nacho
jacob james jacques jakub jaime jim jimmy jamie jem diego santiago
jane janet jenny
jean jeanne
joan joanna johanna juana
jennifer jen jenny
jessica jess jessie
jesus chuy chucho
john jonathan jack johnny jon juan jean ivan jan johan johannes hans giovanni joao yahya vanya
sean shaun shawn
joseph jose josef jozef giuseppe pepe joe joey yusuf yousef
josephine josefa jo josie pepa
judith judy jodie
julia julian julie jules
kenneth ken kenny
lawrence laurence larry laurie lorenzo
leonard leonardo leo len lenny
louis louise luis luisa lou louie lewis ludwig
lucy lucia luz
manuel emanuel manolo manny
margaret margarita margit malgorzata peggy peg meg maggie madge daisy greta marge margie rita gosia
maria mary marie mariam miriam maryam molly polly mae mamie mitzi masha
martha martina patty
matthew mateusz mateo matteo matthias matt
maximilian max
michael mikhail miguel michel michal mike mick micky mitch misha
mildred millie
nicholas nikolai nicolas nick nicky klaus nico kolya
oliver olivia ollie
pamela pam
patricia patrick pat patty paddy tricia trish patsy
paul paulo pavel pablo paolo pawel paula pauline
peter pedro pierre pietro pyotr piotr pete petr
philip philippa phil pippa felipe
rachel rae shelley raquel
raymond ray ramon
rebecca becky becca
richard dick rick ricky rich richie ricardo
robert bob bobby rob robbie bert roberto robin
roger rodger hodge
ronald ron ronnie
rosa rose rosie rosario rosemary charo
samuel samantha sam sammy
sarah sally sadie sara
sergei sergio serge serhiy
sophia sofia sophie zofia zosia
stephen steven stefan esteban etienne istvan szczepan steve stevie
susan susanna susanne zuzanna sue suzy sukey
sylvia silvia
theodore theodor teodor theo ted teddy fedor fyodor
theresa teresa terry tess tessa tracy
thomas tomas tomasz tom tommy
timothy tim timmy
victor victoria vic vicky tori
vincent vincente vince vinny
virginia ginny ginger
vladimir volodymyr vova volodya
walter wally walt
william wilhelm guillermo guillaume will willy bill billy wim memo`, "\n") {
		out = append(out, strings.Fields(line))
	}
	return out
}()

package patient

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/search"
	"github.com/osler-emr/osler/record"
)

// anID is what an id of a resource looks like.
var anID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// MaxFound is how many people Find returns at most.
const MaxFound = 12

// Find returns people for what was typed: words are beginnings of names, a date is a date
// of birth, digits are a record number, a phone or, when short, nothing yet. Parts may be
// mixed: "oka 14 3 68".
func Find(ctx context.Context, actor *record.Actor, typed string) ([]Person, error) {
	queries := queriesFor(typed, actor.Now(), !actor.Hides().Contact)
	var out []Person
	seen := map[string]bool{}
	for _, q := range queries {
		found, err := actor.Find(ctx, "Patient", q+fmt.Sprintf("&_sort=family,given&_count=%d", MaxFound))
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if !seen[r.ID()] && len(out) < MaxFound {
				seen[r.ID()] = true
				out = append(out, FromResource(r))
			}
		}
	}
	return out, nil
}

// Identify finds as Find does whose record is meant, for those who may know only that: by record
// number, name, date of birth, or the record's id as the audit log writes it.
func Identify(ctx context.Context, actor *record.Actor, typed string) ([]record.Known, error) {
	queries := queriesFor(typed, actor.Now(), false)
	if id := strings.TrimPrefix(strings.TrimSpace(typed), "Patient/"); anID.MatchString(id) {
		queries = append([]string{"_id=" + url.QueryEscape(id)}, queries...)
	}
	var out []record.Known
	seen := map[string]bool{}
	for i, q := range queries {
		found, err := actor.Identify(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, k := range found {
			if !seen[k.ID] {
				seen[k.ID] = true
				out = append(out, k)
			}
		}
		if i == 0 && len(out) == 1 && strings.HasPrefix(q, "_id=") {
			break // an id is nobody else's
		}
	}
	return out, nil
}

// queriesFor turns what was typed into search URLs; all of them may contribute.
func queriesFor(typed string, today time.Time, phones bool) []string {
	words, numbers := parts(typed, today)
	var names []string
	for _, w := range words {
		if w = strings.Trim(w, ",;"); search.Normalize(w) != "" { // signs alone are no name
			names = append(names, "name="+escape(w))
		}
	}
	if len(numbers) == 0 {
		if len(names) == 0 || len([]rune(strings.Join(words, ""))) < 2 {
			return nil
		}
		return []string{strings.Join(names, "&")}
	}
	number := strings.Join(numbers, " ")
	var out []string
	with := func(q string) { out = append(out, strings.Join(append(names[:len(names):len(names)], q), "&")) }
	if born, err := ReadBirthDate(number, today); err == nil {
		with("birthdate=" + born)
	} else if len(numbers) == 1 && len(number) == 4 && (number[:2] == "19" || number[:2] == "20") {
		with("birthdate=" + number)
	}
	if d := digits(number); len(d) >= 5 && len(d) == len(strings.ReplaceAll(strings.NewReplacer("-", "", "(", "", ")", "", "+", "").Replace(number), " ", "")) {
		with("identifier=" + url.QueryEscape(RecordNumberSystem+"|"+d))
		if phones {
			with("phone=" + d)
		}
	} else if len(numbers) == 1 {
		with("identifier=" + escape(number)) // another system's number, as it is written
	}
	return out
}

// NameAndBirth tells a name from the date of birth that was typed with it: "dahl 9 3 85". born is ""
// when there is none, or none that can be read.
func NameAndBirth(typed string, today time.Time) (name, born string) {
	words, numbers := parts(typed, today)
	if _, err := ReadBirthDate(strings.Join(numbers, " "), today); err == nil {
		born = strings.Join(numbers, " ")
	}
	return strings.Join(words, " "), born
}

// parts tells names from numbers. A word that could be a month ("mar", "jan", "may") is part
// of a date only when the digits around it need a month to be one.
func parts(typed string, today time.Time) (words, numbers []string) {
	var dated []string // with months
	for _, f := range strings.Fields(typed) {
		switch {
		case !letters(f):
			numbers, dated = append(numbers, f), append(dated, f)
		case monthNumber(f) > 0:
			dated = append(dated, f)
			words = append(words, f)
		default:
			words = append(words, f)
		}
	}
	if len(dated) > len(numbers) && len(numbers) > 0 {
		if _, err := ReadBirthDate(strings.Join(dated, " "), today); err == nil {
			words = slices.DeleteFunc(words, func(w string) bool { return monthNumber(w) > 0 })
			return words, dated
		}
	}
	return words, numbers
}

// Get reads one person.
func Get(ctx context.Context, actor *record.Actor, id string) (Person, error) {
	r, err := actor.Read(ctx, "Patient", id)
	if err != nil {
		return Person{}, err
	}
	return withVersion(r), nil
}

func withVersion(r *fhir.Node) Person {
	p := FromResource(r)
	fmt.Sscan(r.Path("meta.versionId").Text(), &p.Version)
	return p
}

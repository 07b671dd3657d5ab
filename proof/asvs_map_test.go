package proof

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// levels are the requirements of OWASP ASVS 5.0.0: by section, the level of each one in order.
const levels = `
	V1.1:22 V1.2:1111122223 V1.3:112222222223 V1.4:222 V1.5:123
	V2.1:122 V2.2:112 V2.3:12223 V2.4:23
	V3.1:3 V3.2:113 V3.3:12223 V3.4:11222233 V3.5:11122333 V3.6:3 V3.7:22333
	V4.1:12233 V4.2:23333 V4.3:22 V4.4:1222
	V5.1:2 V5.2:112333 V5.3:113 V5.4:222
	V6.1:122 V6.2:111111112222 V6.3:11223333 V6.4:112233 V6.5:22222333 V6.6:2223 V6.7:33 V6.8:2222
	V7.1:222 V7.2:1111 V7.3:22 V7.4:11222 V7.5:223 V7.6:22
	V8.1:1233 V8.2:1123 V8.3:133 V8.4:23
	V9.1:111 V9.2:1222
	V10.1:22 V10.2:223 V10.3:22223 V10.4:1111122222233333 V10.5:22222 V10.6:22 V10.7:222
	V11.1:2233 V11.2:22233 V11.3:11233 V11.4:1222 V11.5:23 V11.6:23 V11.7:33
	V12.1:12233 V12.2:11 V12.3:22223
	V13.1:2333 V13.2:222223 V13.3:2233 V13.4:1222233
	V14.1:22 V14.2:12223333 V14.3:122
	V15.1:12233 V15.2:12233 V15.3:1222222 V15.4:3333
	V16.1:2 V16.2:22222 V16.3:2222 V16.4:222 V16.5:2223
	V17.1:23 V17.2:22223333 V17.3:22`

// requirements returns the ids of a level and those below it, in the order of the standard.
func requirements(most byte) (ids []string) {
	for _, section := range strings.Fields(levels) {
		name, of, _ := strings.Cut(section, ":")
		for i := range len(of) {
			if of[i] <= most {
				ids = append(ids, fmt.Sprintf("%s.%d", name, i+1))
			}
		}
	}
	return ids
}

// written are the sections that ask for a documented rule: a page can be the proof.
var written = regexp.MustCompile(`^V(2|3|5|6|7|8|11|13|14|15|16)\.1\.`)

// page names a part of the documentation: `docs/security/handbook.md#limits`.
var page = regexp.MustCompile("`(docs/[a-z0-9/-]+\\.md)#([a-z0-9-]+)`")

// heading reports whether a page has a heading with an anchor, with text under it.
func heading(t *testing.T, file, anchor string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return false
	}
	found, lines := false, 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			name := strings.Map(func(r rune) rune {
				switch {
				case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
					return r
				case r == ' ':
					return '-'
				}
				return -1
			}, strings.ToLower(title))
			if found && lines > 0 {
				return true
			}
			found = name == anchor
			continue
		}
		if found && line != "" {
			lines++
		}
	}
	return found && lines > 0
}

// TestEveryRequirementOfASVSIsAnswered holds docs/security/asvs.md to the tests, as the map of
// the abuse cases is: each of the 253 requirements of levels 1 and 2 has one row; what the row
// names exists; a rule that has to be written down has a page; and what is not applicable or
// open says why.
func TestEveryRequirementOfASVSIsAnswered(t *testing.T) {
	if all, two := requirements('3'), requirements('2'); len(all) != 345 || len(two) != 253 || len(requirements('1')) != 70 {
		t.Fatalf("the standard has %d requirements, %d of them at level 2", len(all), len(two))
	}
	exist := tests(t)
	count, seen := map[string]int{}, map[string]bool{}
	var unfinished []string
	for _, r := range rows(t, "docs/security/asvs.md", `V[0-9.]+`) {
		if seen[r.id] {
			t.Errorf("%s stands twice in the map", r.id)
		}
		seen[r.id] = true
		reason, absent := strings.CutPrefix(r.by, "not applicable: ")
		missing, unproved := strings.CutPrefix(r.by, open_)
		proofs := 0
		for _, m := range named.FindAllStringSubmatch(r.by, -1) {
			proofs++
			if full, ok := exist[m[1]+"."+m[2]]; !ok || !full {
				t.Errorf("%s: there is no test %s.%s, or it is empty", r.id, m[1], m[2])
			}
		}
		pages := page.FindAllStringSubmatch(r.by, -1)
		for _, m := range pages {
			if !heading(t, m[1], m[2]) {
				t.Errorf("%s: %s has no part %q", r.id, m[1], m[2])
			}
		}
		switch {
		case r.what == "":
			t.Errorf("%s does not say what it asks", r.id)
		case absent:
			if count["not applicable"]++; len(reason) < 15 {
				t.Errorf("%s: why is it not applicable?", r.id)
			}
		case unproved:
			count["open"]++
			if unfinished = append(unfinished, r.id); len(missing) < 15 || proofs > 0 {
				t.Errorf("%s is open: what is missing?", r.id)
			}
		case proofs > 0:
			count["tested"]++
		case len(pages) > 0 && written.MatchString(r.id):
			count["written"]++
		default:
			t.Errorf("%s has no proof: %q", r.id, r.by)
		}
	}
	for _, id := range requirements('2') {
		if !seen[id] {
			t.Errorf("%s has no row in the map", id)
		}
		delete(seen, id)
	}
	known := requirements('3') // rows of level 3 may stand there too
	for id := range seen {
		if !slices.Contains(known, id) {
			t.Errorf("%s is no requirement of ASVS 5.0.0", id)
		}
	}
	t.Logf("%v; open: %v", count, unfinished)
}

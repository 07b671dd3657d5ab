package clinic

import (
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/osler-emr/osler/base/lang"
)

// TestNobodyMeetsEnglishInTheReview walks the import of a document, its review and the inbox as a physician who reads
// Spanish or Arabic: the page's own words are theirs. What a document says stays as it is.
func TestNobodyMeetsEnglishInTheReview(t *testing.T) {
	h := open(t)
	h.reviewed()
	anna := h.signedIn("anna")
	first := anna.sendLetter("maria", problemsLetter("v1", "", "59282003", "38341003"), "key", "k1")
	fields := append(chooseAll(first, "add"), "key", first.value(t, "key"), "mark", first.value(t, "mark"), "act", "accept")
	if got := anna.post(first.path, fields...); !got.says("2 added") {
		t.Fatalf("accepted: %d", got.status)
	}
	second := anna.sendLetter("maria", problemsLetter("v2", "RPLC v1", "38341003"), "key", "k2")
	doubtful := strings.Replace(letterFile(), `code="7646" displayName="omeprazole" codeSystem="2.16.840.1.113883.6.88"`, `nullFlavor="UNK"`, 1)
	letter := anna.sendLetter("maria", doubtful, "key", "k3")
	other := anna.sendLetter("maria", strings.Replace(letterFile(), "19680314", "19710314", 1), "key", "k4", "reason", "She confirms it")
	task := h.reviewTask(anna)

	var mu sync.Mutex
	at, lacks := "", map[string]string{}
	defer lang.Watch(func(tag, english string) {
		mu.Lock()
		defer mu.Unlock()
		lacks[tag+" "+english] = at
	})()
	visit := func(where string, see func() answer) {
		mu.Lock()
		at = where
		mu.Unlock()
		if a := see(); a.status >= 500 {
			t.Errorf("%s: %d", where, a.status)
		}
	}
	for _, tag := range []string{"es", "ar"} {
		mu.Lock()
		at = "settings"
		mu.Unlock()
		anna.post("/settings", "language", tag, "keys", "on")
		for _, path := range []string{letter.path, second.path, first.path, other.path, strings.TrimSuffix(letter.path, "review") + "whole", "/inbox", "/inbox?view=documents", task, "/p/maria/documents"} {
			visit(path, func() answer { return anna.get(path) })
		}
		page := anna.get(letter.path)
		if !strings.Contains(page.body, `lang="`+tag+`"`) {
			t.Fatalf("the review is not in %s", tag)
		}
		visit("nothing chosen", func() answer {
			return anna.post(letter.path, "act", "accept", "key", page.value(t, "key"), "mark", page.value(t, "mark"))
		})
		visit("the chart moved", func() answer {
			return anna.post(letter.path, append(chooseAll(page, "unsure"), "act", "accept", "key", "x", "mark", "y")...)
		})
		visit("all that is new", func() answer { return anna.post(letter.path, "act", "new") })
		visit("saved", func() answer { return anna.post(letter.path, "act", "save") })
		visit("another person, without a reason", func() answer {
			return anna.sendLetter("maria", strings.Replace(doubtful, "19680314", "19710314", 1), "key", "n"+tag)
		})
		visit("no document", func() answer { return anna.sendLetter("maria", "%PDF-1.7", "key", "p"+tag) })
		visit("accepted for another person without a word", func() answer {
			page := anna.get(other.path)
			return anna.post(other.path, append(chooseAll(page, "add"), "act", "accept", "key", page.value(t, "key"), "mark", page.value(t, "mark"))...)
		})
	}
	for text, where := range lacks {
		if _, english, _ := strings.Cut(text, " "); where != "settings" && !strings.Contains(doubtful, english) { // a name of the document's
			t.Errorf("%s lacks: %s", where, text)
		}
	}
}

// reviewTask is the address of a line of the inbox that asks for a review.
func (h house) reviewTask(b browser) string {
	h.t.Helper()
	list := b.get("/inbox?view=documents")
	at := rowHref.FindStringSubmatch(list.body)
	if at == nil {
		h.t.Fatalf("no document waits: %s", tags.ReplaceAllString(list.body, " "))
	}
	return at[1]
}

var rowHref = regexp.MustCompile(`data-preview="(/inbox/[^"]+)"`)

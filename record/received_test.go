package record

import (
	"testing"
	"time"
)

// TestRequestsRunFromWhenTheyCame: a patient's own program cannot date a request about the record
// back, so that it is overdue at once, nor forward; other messages keep the time they say.
func TestRequestsRunFromWhenTheyCame(t *testing.T) {
	c := open(t)
	request := func(sent string) string {
		return `{"resourceType":"Communication","status":"completed","category":[{"coding":[{"system":"urn:osler:right","code":"amendment"}]}],"topic":{"coding":[{"system":"urn:osler:right-step","code":"request"}]},` +
			`"subject":{"reference":"Patient/rosa"},"sender":{"reference":"Patient/rosa"}` + sent + `,"payload":[{"contentString":"The weight is wrong."}]}`
	}
	now := c.clock.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	for _, sent := range []string{`,"sent":"2026-01-01T00:00:00Z"`, `,"sent":"2027-01-01T00:00:00Z"`, ""} {
		r := c.commit(rosa, request(sent))
		if got := c.read(string(r.Versions[0].Body)).Get("sent").Text(); got != now {
			t.Errorf("sent %q is kept as %s, want %s", sent, got, now)
		}
	}
	later := c.clock.Now().Add(time.Millisecond).UTC().Format("2006-01-02T15:04:05.000Z")
	if got := c.read(string(c.commit(rosa, request(`,"sent":"`+later+`"`)).Versions[0].Body)).Get("sent").Text(); got != later {
		t.Errorf("a step of the same moment is kept as %s, want %s", got, later)
	}
}

package portal

import (
	"context"
	"strings"
	"time"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/message"
)

// today reports whether a moment of the record is on the reader's day.
func today(ctx context.Context, value string) bool {
	r := ui.From(ctx)
	return chart.Moment(value).In(r.Now.Location()).Format(time.DateOnly) == r.Now.Format(time.DateOnly)
}

func chartMoment(value string) time.Time { return chart.Moment(value) }

func reasonOf(ctx context.Context, a chart.Appointment) string {
	if a.Reason != "" {
		return a.Reason
	}
	if a.Type != "" {
		return a.Type
	}
	return ui.T(ctx, "Reason not recorded")
}

// countWords says how many: none, one, or more.
func countWords(ctx context.Context, n int, one, many, none string) string {
	switch n {
	case 0:
		return ui.T(ctx, none)
	case 1:
		return ui.T(ctx, one)
	}
	return ui.T(ctx, many, n)
}

// anchor makes an id of an HTML element from a reference.
func anchor(ref string) string { return strings.ReplaceAll(strings.ToLower(ref), "/", "-") }

// pageContext is the context in which the request's page is drawn.
func pageContext(r *web.Request) context.Context {
	return ui.With(r.Context(), ui.Reader{Lang: r.Lang, Zone: r.Now().Location(), Now: r.Now(), Patient: true})
}

// at is where a page of the portal is for the reader, who may act for somebody else.
func at(ctx context.Context, path string) string { return ui.From(ctx).At(path) }

// writer is who wrote a message. of is the patient's name when the reader is somebody else: "you" are
// the patient only on the own record.
func writer(ctx context.Context, t team, me, of string, m message.Message) string {
	switch mine := m.Sender == me; {
	case mine && m.By != "" && of != "":
		return ui.T(ctx, "%s for %s", m.By, of)
	case mine && m.By != "":
		return ui.T(ctx, "%s for you", m.By)
	case mine && of != "":
		return ui.T(ctx, "%s (the patient)", of)
	case mine:
		return ui.T(ctx, "You")
	}
	if n := t.name(m.Sender); n != "" {
		return n
	}
	return ui.T(ctx, "Your care team")
}

// programWord says whose program it was that looked.
func programWord(ctx context.Context, by string, mine bool) string {
	if mine {
		return ui.T(ctx, "a program that you let in")
	}
	return ui.T(ctx, "a program of %s", by)
}

func threadTitle(ctx context.Context, t message.Thread) string {
	if t.Subject != "" {
		return t.Subject
	}
	return ui.T(ctx, "Message")
}

// wordList joins words of the page's language.
func wordList(ctx context.Context, words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = ui.T(ctx, w)
	}
	return strings.Join(out, ui.T(ctx, ", "))
}

// initials of a printed name, without a title.
func initials(name string) string {
	fields := strings.Fields(name)
	if len(fields) > 1 && strings.TrimSuffix(fields[0], ".") == "Dr" {
		fields = fields[1:]
	}
	if len(fields) == 0 {
		return "?"
	}
	n := ui.Name{Given: fields[0]}
	if len(fields) > 1 {
		n.Family = fields[len(fields)-1]
	}
	return n.Initials()
}

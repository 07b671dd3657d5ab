package ui

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/osler-emr/osler/base/lang"
)

// Panel is a card with a heading.
type Panel struct {
	Title   string
	Icon    string
	Note    string          // muted text behind the title: "4 abnormal, 9 normal"
	Actions templ.Component // buttons at the end of the heading
	Class   string          // more classes: "need"
	ID      string          // for htmx targets
	Level3  bool            // an h3 below an h2
}

// Saved is what a form's draft holds, for Draft.
type Saved struct {
	Key     string // of the draft
	Version int64  // 0: nothing is saved
	At      string // "saved 10:14:32"
	// Apart are texts that were left in other windows and are not part of the draft.
	Apart        []OtherText
	ApartVersion int64
	// Theirs is what another window has saved since the form was shown, with which it came back.
	Theirs *OtherText
}

// OtherText is another version of the text of a form, by field.
type OtherText struct {
	Version int64             `json:"version"`
	Saved   string            `json:"saved"`
	Value   map[string]string `json:"value"`
}

// version is the one that the form goes on from.
func (s Saved) version() string {
	if s.Theirs != nil {
		return strconv.FormatInt(s.Theirs.Version, 10)
	}
	return strconv.FormatInt(s.Version, 10)
}

// others are the attributes that hold other versions, for the script.
func (s Saved) others() templ.Attributes {
	a := templ.Attributes{}
	if s.Theirs != nil {
		a["data-theirs"] = inJSON(s.Theirs)
	}
	if len(s.Apart) > 0 {
		a["data-apart"], a["data-merged"] = inJSON(s.Apart), strconv.FormatInt(s.ApartVersion, 10)
	}
	return a
}

func inJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// Tab is one entry of Tabs.
type Tab struct {
	Label, Href string
	Count       int
	Current     bool
}

// Tone is the meaning of a Tag: a colour that always has a word and mostly an icon with it.
type Tone string

// The tones.
const (
	Plain    Tone = "line"
	Good     Tone = "ok"
	Caution  Tone = "warn"
	Critical Tone = "crit"
	Info     Tone = "info"
)

// Faults are messages about a form's fields, in the order of the form.
type Faults []FieldFault

// FieldFault says what is wrong with one field and what to do.
type FieldFault struct{ Field, Text string }

// Add appends a message.
func (f *Faults) Add(field, text string) { *f = append(*f, FieldFault{field, text}) }

// Of returns the message of a field, or "".
func (f Faults) Of(field string) string {
	for _, x := range f {
		if x.Field == field {
			return x.Text
		}
	}
	return ""
}

// Field is one input of a form. Value is the person's input, also after a fault.
type Field struct {
	Name, Label, Hint string
	Value             string
	Type              string // text (default), date, password, number, tel, email, search
	Autocomplete      string // WCAG 1.3.5 token: "username", "tel"
	InputMode         string
	List              string // id of a datalist of what can be chosen
	Dir               string // "ltr" for what reads left to right in every language: "1 tablet"
	Required          bool
	Any               bool   // nobody has to be told that it is optional: the empty option is as good as the others ("Anybody"), or the hint says when it is needed
	Focus             bool   // starts with the focus
	Key               string // the single key that leads here
	Faults            Faults
	Options           []Option // for Select and Choices
	Rows              int      // for TextArea
	ID                string   // "f-" + Name when empty
}

// Option is a choice of Select or Choices.
type Option struct{ Value, Label string }

func (f Field) id() string {
	if f.ID != "" {
		return f.ID
	}
	return fieldID(f.Name)
}

func fieldID(name string) string { return "f-" + name }

func (f Field) kind() string {
	if f.Type == "" {
		return "text"
	}
	return f.Type
}

// dated reports whether the field is a date in the browser's own order.
func (f Field) dated() bool { return f.Type == "date" || f.Type == "datetime-local" }

func writtenID(input string) string { return input + "-written" }

// writtenDate is the day of a date input in words of the reader's language: "3 April 1980"; "" for what
// is no day.
func writtenDate(ctx context.Context, value string) string {
	day := value[:min(len(value), len(time.DateOnly))]
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return ""
	}
	return From(ctx).Lang.Date(day, lang.Long, time.UTC)
}

func (f Field) fault() string { return f.Faults.Of(f.Name) }

// attributes ties hint and message to the input for screen readers.
func (f Field) attributes() templ.Attributes {
	a := templ.Attributes{}
	var by []string
	if f.Hint != "" {
		by = append(by, f.id()+"-hint")
	}
	if f.fault() != "" {
		by = append(by, f.id()+"-fault")
		a["aria-invalid"] = "true"
	}
	if f.dated() {
		by = append(by, writtenID(f.id()))
	}
	if len(by) > 0 {
		a["aria-describedby"] = strings.Join(by, " ")
	}
	for name, v := range map[string]string{"autocomplete": f.Autocomplete, "inputmode": f.InputMode, "dir": f.Dir, "list": f.List, "data-key": f.Key} {
		if v != "" {
			a[name] = v
		}
	}
	a["required"] = f.Required && f.Type != "password"
	a["autofocus"] = f.Focus
	return a
}

func (f Field) rows() int {
	if f.Rows == 0 {
		return 3
	}
	return f.Rows
}

func optional(ctx context.Context, f Field) string {
	if f.Required || f.Any {
		return ""
	}
	return T(ctx, "(optional)")
}

func joinParts(parts []lang.Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

func idAttr(id string) templ.Attributes {
	if id == "" {
		return nil
	}
	return templ.Attributes{"id": id}
}

// Lookup says where a TypeAhead finds its options.
type Lookup struct {
	URL   string // answers POST URL, with q in the form, with LookupOption fragments
	Pick  string // name under which the chosen option's value is sent
	Enter string // what Enter does beside choosing: "submit" sends the form, "" nothing
	Form  string // id of the form it belongs to, when it does not stand inside it
}

func formAttr(id string) templ.Attributes {
	if id == "" {
		return nil
	}
	return templ.Attributes{"form": id}
}

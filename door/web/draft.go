package web

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/record"
)

// DraftFields reads the field values of a draft that the page's <draft-form> saved.
func DraftFields(d record.Draft) (map[string]string, error) { return draftFields(d.Value) }

func draftFields(value []byte) (map[string]string, error) {
	fields := map[string]string{}
	if len(value) == 0 {
		return fields, nil
	}
	err := json.Unmarshal(value, &fields)
	if fields == nil { // "null"
		fields = map[string]string{}
	}
	return fields, err
}

// SavedAt is the time of day of a draft, for ui.Draft.
func (r *Request) SavedAt(d record.Draft) string {
	if d.Version == 0 {
		return ""
	}
	return r.Lang.T("saved") + " " + r.clock(d)
}

func (r *Request) clock(d record.Draft) string {
	return d.Saved.In(r.Site.zone()).Format("15:04:05")
}

// Typed is what a form's draft holds, with what was left beside it, for ui.Draft and the form's fields; no draft
// is no error.
func Typed(r *Request, key string) (record.Draft, ui.Saved, map[string]string, error) {
	d, err := r.Actor.Draft(r.Context(), key)
	if fault.Is(err, fault.NotFound) {
		d = record.Draft{}
	} else if err != nil {
		return record.Draft{}, ui.Saved{}, nil, err
	}
	fields, err := DraftFields(d)
	if err != nil {
		return d, ui.Saved{}, nil, err
	}
	saved, err := r.Saved(key, d)
	return d, saved, fields, err
}

// Saved is a draft for ui.Draft, with what was left beside it in other windows.
func (r *Request) Saved(key string, d record.Draft) (ui.Saved, error) {
	s := ui.Saved{Key: key, Version: d.Version, At: r.SavedAt(d)}
	list, version, err := r.Actor.Apart(r.Context(), key)
	if err != nil {
		return s, err
	}
	s.ApartVersion = version
	for _, a := range list {
		fields, err := draftFields(a.Value)
		if err != nil {
			return s, err
		}
		s.Apart = append(s.Apart, ui.OtherText{Saved: r.Lang.DateTime(a.Saved.Format(time.RFC3339), 0, r.Site.zone()), Value: fields})
	}
	return s, nil
}

// Newer reports whether a draft holds text that the form which was sent does not: another window saved it after
// this one had last heard of it. fields are those of the form. A form that does not say of which version it knows
// is not asked.
func Newer(r *Request, d record.Draft, fields map[string]string) (ui.OtherText, bool, error) {
	knows := r.PostFormValue("draft-version")
	if knows == "" || d.Version == 0 || knows == strconv.FormatInt(d.Version, 10) {
		return ui.OtherText{}, false, nil
	}
	saved, err := DraftFields(d)
	if err != nil {
		return ui.OtherText{}, false, err
	}
	newer := false
	for name, text := range saved {
		own, shown := fields[name]
		newer = newer || shown && !holds(own, text)
	}
	return ui.OtherText{Version: d.Version, Saved: r.clock(d), Value: saved}, newer, nil
}

// holds reports whether a text says all that another one says.
func holds(text, other string) bool {
	return strings.Contains(lines(text), lines(other))
}

func lines(text string) string { return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")) }

// draftAnswer is what the script in the page gets back.
type draftAnswer struct {
	Version int64             `json:"version"`
	Saved   string            `json:"saved"`
	Value   map[string]string `json:"value,omitempty"` // of the other version, with a conflict
}

// draftSent is what the script in the page sends.
type draftSent struct {
	Key     string            `json:"key"`
	Version int64             `json:"version"`
	Value   map[string]string `json:"value"`
	// Leaving says that the page goes away, so that nobody is there to answer a question; Was is what the
	// window had last heard of the draft.
	Leaving bool              `json:"leaving"`
	Was     map[string]string `json:"was"`
	// Merged is the version of what was kept apart and is part of Value now, or was thrown away.
	Merged int64 `json:"merged"`
}

// saveDraft stores what a person has typed. When another window has saved since, it answers
// 409 with that version, and the script shows both. Of a page that goes away what only it has changed is put
// into the other version, and what both have changed is kept apart, to be compared when the page is opened next.
func saveDraft(w http.ResponseWriter, r *Request) error {
	var in draftSent
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Key == "" || record.ApartFrom(in.Key) != "" {
		return fault.Wrap(err, fault.Malformed, "The draft cannot be read.")
	}
	value, err := json.Marshal(in.Value)
	if err != nil {
		return err
	}
	d, err := r.Actor.SaveDraft(r.Context(), in.Key, value, in.Version)
	status := http.StatusOK
	answer := draftAnswer{}
	switch {
	case fault.Is(err, fault.Conflict) && in.Leaving:
		return left(w, r, in, d)
	case fault.Is(err, fault.Conflict):
		status = http.StatusConflict
		if answer.Value, err = DraftFields(d); err != nil {
			return err
		}
	case err == nil && in.Merged != 0:
		err = r.Actor.Merged(r.Context(), in.Key, in.Merged)
	}
	if err != nil {
		return err
	}
	answer.Version, answer.Saved = d.Version, r.clock(d)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(answer)
}

// left puts the text of a page that went away beside a newer draft, or into it.
func left(w http.ResponseWriter, r *Request, in draftSent, d record.Draft) error {
	for try := 0; ; try++ {
		saved, err := DraftFields(d)
		if err != nil {
			return err
		}
		merged, apart := mergeLeft(in, saved)
		if len(apart) > 0 {
			value, err := json.Marshal(apart)
			if err != nil {
				return err
			}
			if err := r.Actor.KeepApart(r.Context(), in.Key, value); err != nil {
				return err
			}
		}
		if !maps.Equal(merged, saved) {
			value, err := json.Marshal(merged)
			if err != nil {
				return err
			}
			newer, err := r.Actor.SaveDraft(r.Context(), in.Key, value, d.Version)
			if fault.Is(err, fault.Conflict) && try < 4 {
				d = newer
				continue
			}
			if err != nil {
				return err
			}
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
}

// mergeLeft compares what a window left with what is saved: merged is what is saved with the fields that only
// the window has changed, apart those that both have.
func mergeLeft(in draftSent, saved map[string]string) (merged, apart map[string]string) {
	merged, apart = maps.Clone(saved), map[string]string{}
	for name, text := range in.Value {
		was, known := in.Was[name]
		there := saved[name]
		switch {
		case lines(text) == "" || known && text == was || holds(there, text):
		case known && lines(there) == lines(was) || lines(there) == "":
			merged[name] = text
		default:
			apart[name] = text
		}
	}
	return merged, apart
}

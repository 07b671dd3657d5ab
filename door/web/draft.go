package web

import (
	"encoding/json"
	"net/http"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/record"
)

// DraftFields reads the field values of a draft that the page's <draft-form> saved.
func DraftFields(d record.Draft) (map[string]string, error) {
	fields := map[string]string{}
	if len(d.Value) == 0 {
		return fields, nil
	}
	err := json.Unmarshal(d.Value, &fields)
	return fields, err
}

// SavedAt is the time of day of a draft, for ui.Draft.
func (r *Request) SavedAt(d record.Draft) string {
	if d.Version == 0 {
		return ""
	}
	return r.Lang.T("saved") + " " + d.Saved.In(r.Site.zone()).Format("15:04:05")
}

// draftAnswer is what the script in the page gets back.
type draftAnswer struct {
	Version int64             `json:"version"`
	Saved   string            `json:"saved"`
	Value   map[string]string `json:"value,omitempty"` // of the other version, with a conflict
}

// saveDraft stores what a person has typed. When another window has saved since, it answers
// 409 with that version, and the script shows both.
func saveDraft(w http.ResponseWriter, r *Request) error {
	var in struct {
		Key     string            `json:"key"`
		Version int64             `json:"version"`
		Value   map[string]string `json:"value"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Key == "" {
		return fault.Wrap(err, fault.Malformed, "The draft cannot be read.")
	}
	value, err := json.Marshal(in.Value)
	if err != nil {
		return err
	}
	d, err := r.Actor.SaveDraft(r.Context(), in.Key, value, in.Version)
	status := http.StatusOK
	answer := draftAnswer{}
	if fault.Is(err, fault.Conflict) {
		status = http.StatusConflict
		if answer.Value, err = DraftFields(d); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	answer.Version, answer.Saved = d.Version, d.Saved.In(r.Site.zone()).Format("15:04:05")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(answer)
}

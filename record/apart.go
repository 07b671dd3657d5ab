package record

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// MostApart is how many texts are kept apart beside one draft.
const MostApart = 20

// Apart is text that its writer has left in a window while another one had saved the draft since: nobody was
// there to compare both. It waits beside the draft, whatever becomes of that, until it is merged.
type Apart struct {
	Saved time.Time       `json:"saved"`
	Value json.RawMessage `json:"value"`
}

// apartSpace is the beginning of the keys of what is kept apart.
const apartSpace = "apart/"

// apartKey is the draft in which that is kept which was left apart from another: "apart/<patient>/note/<patient>/…",
// so that it is about the same patient.
func apartKey(key string) string {
	about := ""
	if parts := strings.Split(key, "/"); len(parts) > 1 {
		about = parts[1]
	}
	return apartSpace + about + "/" + key
}

// ApartFrom returns the key of the draft beside which the one with this key is kept; "" of an ordinary draft.
func ApartFrom(key string) string {
	rest, ok := strings.CutPrefix(key, apartSpace)
	if !ok {
		return ""
	}
	_, of, _ := strings.Cut(rest, "/")
	return of
}

// KeepApart keeps text beside a draft of the principal; the same text twice is kept once.
func (a *Actor) KeepApart(ctx context.Context, key string, value []byte) error {
	for try := 0; ; try++ {
		list, version, err := a.apart(ctx, key)
		if err != nil {
			return err
		}
		for _, x := range list {
			if string(x.Value) == string(value) {
				return nil
			}
		}
		if len(list) >= MostApart {
			return fault.New(fault.TooLarge, "Too much is kept beside this draft: merge it first.")
		}
		all, err := json.Marshal(append(list, Apart{Saved: a.Now(), Value: value}))
		if err != nil {
			return fault.Wrap(err, fault.Malformed, "The draft is not JSON.")
		}
		if _, err = a.SaveDraft(ctx, apartKey(key), all, version); !fault.Is(err, fault.Conflict) || try == 4 {
			return err
		}
	}
}

// Apart returns what is kept beside a draft of the principal, oldest first, and the version with which Merged
// says that it is merged; none is no error.
func (a *Actor) Apart(ctx context.Context, key string) ([]Apart, int64, error) {
	if a.principal.ID == "" {
		return nil, 0, nil
	}
	return a.apart(ctx, key)
}

func (a *Actor) apart(ctx context.Context, key string) ([]Apart, int64, error) {
	d, err := a.Draft(ctx, apartKey(key))
	if fault.Is(err, fault.NotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	var list []Apart
	return list, d.Version, json.Unmarshal(d.Value, &list)
}

// Merged removes what is kept beside a draft, when nothing was added since version.
func (a *Actor) Merged(ctx context.Context, key string, version int64) error {
	_, current, err := a.apart(ctx, key)
	if err != nil || current != version || current == 0 {
		return err
	}
	return a.DropDraft(ctx, apartKey(key))
}

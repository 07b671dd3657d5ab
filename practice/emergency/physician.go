package emergency

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/practice/schedule"
	"github.com/osler-emr/osler/record"
)

// physician is the name of the patient's own physician; "" when it is not recorded or may
// not be seen.
func physician(ctx context.Context, actor *record.Actor, ref string) (string, error) {
	id, ok := strings.CutPrefix(ref, "Practitioner/")
	if !ok {
		return "", nil
	}
	list, err := schedule.Clinicians(ctx, actor)
	if fault.Is(err, fault.Forbidden) {
		return "", nil
	}
	for _, c := range list {
		if c.ID == id {
			return c.Name, nil
		}
	}
	return "", err
}

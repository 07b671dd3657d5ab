package encounter

import (
	"context"
	"slices"

	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/record"
)

// About returns what a visit is about: the diagnoses that the reader has taken up in it and those that
// were signed in it before, and in words what it was booked for. A visit that is not in this patient's
// chart is about nothing.
func About(ctx context.Context, actor *record.Actor, patient, visit string) (diagnoses []Diagnosis, booked string, err error) {
	c, err := chart.Read(ctx, actor, patient, "Encounter", "Composition", "Condition")
	if err != nil {
		return nil, "", err
	}
	v, ok := c.Visit(visit)
	if !ok {
		return nil, "", nil
	}
	work, _, err := loadWork(ctx, actor, c, visit)
	if err != nil {
		return nil, "", err
	}
	for _, p := range c.Problems {
		if slices.Contains(v.Diagnoses, p.Reference()) {
			work.AddProblem(p)
		}
	}
	return work.Diagnoses, v.Reason, nil
}

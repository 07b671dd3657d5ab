package document

import (
	"context"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust/policy"
)

// wrote refuses to take back a step that names what it did not write: each target is the patient's, and came into
// the record in the very commit that wrote the step down. It refuses, too, who may not write what the step wrote.
func wrote(ctx context.Context, actor *record.Actor, patient, batch string, targets []string) error {
	made, err := actor.ReadVersion(ctx, "Provenance", batch, 1)
	if err != nil {
		return err
	}
	for _, target := range targets {
		ref, number, _ := strings.Cut(target, "/_history/")
		resourceType, id, _ := strings.Cut(ref, "/")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version < 1 {
			return fault.New(fault.Internal, "A step of the import names no version.")
		}
		v, err := actor.ReadVersion(ctx, resourceType, id, version)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			continue // it stays as it is
		}
		if err != nil {
			return err
		}
		if v.Patient != patient || v.T != made.T {
			return fault.New(fault.Forbidden, "This step names entries that it did not write. Nothing was taken back: change the entries one by one, and tell who keeps the record.")
		}
		if err := couldWrite(ctx, actor, resourceType, id, version, v.Body); err != nil {
			return err
		}
	}
	return nil
}

// couldWrite refuses who may not make a write: they do not take it back either.
func couldWrite(ctx context.Context, actor *record.Actor, resourceType, id string, version int64, body []byte) error {
	after, err := fhir.Parse(body)
	if err != nil {
		return err
	}
	what, before := policy.Create, (*fhir.Node)(nil)
	if version > 1 {
		former, err := actor.ReadVersion(ctx, resourceType, id, version-1)
		if err != nil {
			return err
		}
		if before, err = fhir.Parse(former.Body); err != nil {
			return err
		}
		what = policy.Update
	}
	if policy.Decide(actor.Principal(), what, before, after) != nil {
		return fault.New(fault.Forbidden, "Your role may not write all that this step wrote, and so does not take it back. Leave it to a physician.")
	}
	return nil
}

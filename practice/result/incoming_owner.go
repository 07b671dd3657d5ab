package result

import (
	"context"
	"slices"
	"strings"

	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/record"
)

// owner chooses who reviews a result: who reviewed it before, when it has changed; who ordered it; the
// patient's general practitioner. Each only when the person works here and sees all of the result
// without this task, which would open the chart to its owner. Otherwise nobody owns it: it is work of
// the team, among those who see the result.
func (in Incoming) owner(ctx context.Context, actor *record.Actor, f gathered, before string) (owner, requester, order string, err error) {
	var asked []string
	for _, n := range f.orders {
		asked = append(asked, n.Path("requester.reference").Text())
	}
	refs := append([]string{"Practitioner/" + before}, asked...)
	for gp := range f.patient.Get("generalPractitioner").Items() {
		refs = append(refs, gp.Get("reference").Text())
	}
	persons, err := practitioners(ctx, actor, refs)
	if err != nil {
		return "", "", "", err
	}
	for i, n := range f.orders {
		if order == "" {
			order = n.Reference()
		}
		if requester == "" && persons[asked[i]] != "" {
			requester = "Practitioner/" + persons[asked[i]]
		}
	}
	var tried []string
	for _, ref := range refs {
		id := persons[ref]
		if id == "" || slices.Contains(tried, id) {
			continue
		}
		tried = append(tried, id)
		who, err := in.Staff.Practising(ctx, id)
		if err != nil {
			return "", "", "", err
		}
		for _, p := range who {
			if ok, err := f.shows(ctx, in.Gate.As(p, incoming)); ok || err != nil {
				return id, requester, order, err
			}
		}
	}
	return "", requester, order, nil
}

// practitioners returns the ids of the Practitioners behind references, those of PractitionerRoles
// too, by reference.
func practitioners(ctx context.Context, actor *record.Actor, refs []string) (map[string]string, error) {
	ids := map[string]string{}
	var roles []string
	for _, ref := range refs {
		if id, ok := strings.CutPrefix(ref, "Practitioner/"); ok {
			ids[ref] = id
		} else if strings.HasPrefix(ref, "PractitionerRole/") {
			roles = append(roles, ref)
		}
	}
	found, err := actor.ReadSome(ctx, roles)
	if err != nil {
		return nil, err
	}
	for _, v := range found {
		n, err := fhir.Parse(v.Body)
		if err != nil {
			return nil, err
		}
		ids[n.Reference()] = strings.TrimPrefix(n.Path("practitioner.reference").Text(), "Practitioner/")
	}
	return ids, nil
}

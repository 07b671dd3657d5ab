package oauth

import (
	"context"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust"
)

// A service that works by itself has no patients of its own: nothing binds it to anybody. So an
// administrator says at the approval for whom it works, and what for. What patients have
// refused and what labels hide stays hidden from it in any case.

// Population says for whose charts a service works, as it is stored: "" for what the setting of
// the clinic gives to its role (in a restricted clinic nothing that needs a relation), "all",
// "panel/<id of a Practitioner>", or "group/<id of a Group>".
type Population string

// Everybody is the population of a service that works for all patients.
const Everybody Population = "all"

// Purposes are what a service can work for.
var Purposes = []trust.Purpose{trust.Treatment, trust.Payment, trust.Operations}

// maxGroup bounds the patients of a group that a service works for.
const maxGroup = 20_000

// read takes a population apart.
func (p Population) read() (kind, id string, ok bool) {
	kind, id, _ = strings.Cut(string(p), "/")
	switch kind {
	case "", "all":
		return kind, "", id == "" && !strings.Contains(string(p), "/")
	case "panel", "group":
		return kind, id, id != "" && !strings.Contains(id, "/")
	}
	return "", "", false
}

// checkPopulation refuses a population that is nobody's.
func (s *Server) checkPopulation(ctx context.Context, p Population) error {
	kind, id, ok := p.read()
	if !ok {
		return fault.New(fault.Invalid, "Choose for whom the service works: what the clinic's setting gives, all patients, a panel or a group.").At("population")
	}
	resourceType := map[string]string{"panel": "Practitioner", "group": "Group"}[kind]
	if resourceType == "" {
		return nil
	}
	v, err := s.Store.Read(ctx, resourceType, id, 0)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return fault.New(fault.Invalid, "There is no %s with the number that was typed.", resourceType).At("population")
	}
	if err != nil || kind == "panel" {
		return err
	}
	members, err := membersOf(v.Body)
	if err == nil && len(members) == 0 {
		err = fault.New(fault.Invalid, "The group names no patients.").At("population")
	}
	return err
}

// serves returns for whom a service works, as access is decided by. It is asked with every
// request: who leaves a group is out at once. A group that is gone is nobody.
func (s *Server) serves(ctx context.Context, p Population) (*trust.Service, error) {
	kind, id, ok := p.read()
	switch {
	case !ok:
		return &trust.Service{Patients: []string{}}, nil
	case kind == "all":
		return &trust.Service{All: true}, nil
	case kind == "panel":
		return &trust.Service{Panel: id}, nil
	case kind == "":
		return &trust.Service{}, nil
	}
	v, err := s.Store.Read(ctx, "Group", id, 0)
	if fault.Is(err, fault.NotFound) || err == nil && v.Deleted {
		return &trust.Service{Patients: []string{}}, nil
	}
	if err != nil {
		return nil, err
	}
	members, err := membersOf(v.Body)
	return &trust.Service{Patients: members}, err
}

// membersOf returns the patients who are in a Group now.
func membersOf(body []byte) ([]string, error) {
	group, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	members := []string{}
	if group.Get("active").Kind() != fhir.Absent && !group.Get("active").True() {
		return members, nil
	}
	for m := range group.Get("member").Items() {
		id, patient := strings.CutPrefix(m.Path("entity.reference").Text(), "Patient/")
		if patient && !strings.Contains(id, "/") && !m.Get("inactive").True() {
			members = append(members, id)
		}
	}
	if len(members) > maxGroup {
		return nil, fault.New(fault.TooCostly, "The group has more than %d patients; let the service work for all, or for smaller groups.", maxGroup)
	}
	return members, nil
}

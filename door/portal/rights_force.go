package portal

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/chart"
	"github.com/osler-emr/osler/practice/rights"
	"github.com/osler-emr/osler/trust/policy"
)

// kept is an objection or consent of the patient that is in force.
type kept struct {
	rights.Objection
	Names map[string]string // of the people whom it names
}

// readKept is what is in force of what the patient has said about who sees the record. A consent to its
// use has a place of its own when the clinic asks for one.
func readKept(r *web.Request, list []rights.Objection, asked bool) ([]kept, error) {
	var out []kept
	for _, o := range list {
		if !o.InForce(r.Now()) || len(o.Rules) == 0 || asked && o.Consents() && !o.Denies() {
			continue
		}
		k := kept{o, map[string]string{}}
		for _, rule := range o.Rules {
			who, named := strings.CutPrefix(rule, "deny/Practitioner/")
			if !named {
				continue
			}
			n, err := r.Actor.Read(r.Context(), "Practitioner", who)
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
				continue
			}
			if err != nil {
				return nil, err
			}
			p := chart.PatientFrom(n) // a Practitioner has the same name element
			k.Names[rule] = strings.TrimSpace(p.Given + " " + p.Family)
		}
		out = append(out, k)
	}
	return out, nil
}

// sentences say what it does, in the patient's words.
func (k kept) sentences(ctx context.Context) (out []string) {
	for _, rule := range k.Rules {
		class, topic := strings.CutPrefix(rule, "deny/label/")
		switch {
		case topic:
			i := slices.IndexFunc(policy.Labels, func(l policy.Label) bool { return l.Class == class })
			if i >= 0 {
				out = append(out, ui.T(ctx, "Nobody who works here sees what is marked as: %s. In an emergency it can be opened.", ui.T(ctx, policy.Labels[i].Text)))
			}
		case rule == "permit/all":
			out = append(out, ui.T(ctx, "You agree that the clinic uses this record to treat you."))
		case rule == "deny/all":
			out = append(out, ui.T(ctx, "Nobody who treats you here opens this record, except in an emergency."))
		case rule == "deny/purpose/HPAYMT":
			out = append(out, ui.T(ctx, "Programs that deal with health insurance do not see this record."))
		case rule == "deny/purpose/HRESCH":
			out = append(out, ui.T(ctx, "Your record is not used for research."))
		case rule == "deny/purpose/HMARKT":
			out = append(out, ui.T(ctx, "Your record is not used for advertising."))
		case rule == "deny/outside":
			out = append(out, ui.T(ctx, "The clinic gives nothing to: %s.", cmp.Or(k.Words, "—")))
		default:
			out = append(out, ui.T(ctx, "%s does not see this record.", cmp.Or(k.Names[rule], ui.T(ctx, "A person who works in this clinic"))))
		}
	}
	return out
}

// limitedRights is what who sees only a part of a record reads in the place of requests and objections: that
// it is so, and whom to ask, and not why.
func limitedRights(w http.ResponseWriter, r *web.Request) error {
	contact, err := r.Site.Accounts.PrivacyContact(r.Context())
	if err != nil {
		return err
	}
	return web.Page(w, r, rightsPageOf(r, "Your access to this record"), limitedRightsPage(contact))
}

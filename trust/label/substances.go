package label

import (
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/trust/policy"
)

// Substances reports whether a resource is labelled as being about the use of substances, so that
// 42 CFR Part 2 may protect it.
func Substances(r *fhir.Node) bool {
	for c := range r.Path("meta.security").Items() {
		if l, ok := policy.LabelOf(c.Get("code").Text()); ok && l.Class == "substance" && c.Get("system").Text() == policy.LabelSystem {
			return true
		}
	}
	return false
}

package policy

import (
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/trust"
)

// MayIdentify tells whether a principal may be told whose record it is: name, date of birth and
// record number, and nothing else of the chart. Who watches over records has to find the right
// one: administrators, auditors and the health records department, in person and not by a program.
func MayIdentify(p trust.Principal) error {
	if r := p.Role; p.Client != "" || r != trust.Administrator && r != trust.Auditor && r != trust.Records {
		return fault.New(fault.Forbidden, "Only administrators, auditors and health records look up whose record it is.")
	}
	return nil
}

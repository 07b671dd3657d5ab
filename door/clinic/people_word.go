package clinic

import (
	"cmp"
	"context"
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/staff"
	"github.com/osler-emr/osler/trust"
)

// roleWord is a role in words.
func roleWord(r trust.Role) string {
	switch r {
	case trust.FrontDesk:
		return "Front desk"
	case trust.MedicalAssistant:
		return "Medical assistant"
	case trust.Records:
		return "Health records"
	case trust.SystemRole:
		return "Osler itself"
	case "":
		return "no role"
	}
	return sexWord(string(r)) // the name with a capital: Physician, Nurse, …
}

func trustRole(s string) trust.Role { return trust.Role(s) }

var roleOrder = append(staff.Roles(), trust.Patient)

// sortAccounts puts staff before patients, by role and name.
func sortAccounts(list []identity.Account) {
	slices.SortStableFunc(list, func(a, b identity.Account) int {
		return cmp.Or(cmp.Compare(slices.Index(roleOrder, a.Role), slices.Index(roleOrder, b.Role)), cmp.Compare(a.Name, b.Name))
	})
}

// accountState is whether a person can sign in.
func accountState(a identity.Account) (tone ui.Tone, icon, word string) {
	switch {
	case a.Disabled:
		return ui.Critical, "stop", "Disabled"
	case a.Invited:
		return ui.Caution, "clock", "Invited"
	}
	return ui.Good, "ok", "Active"
}

func actText(ctx context.Context, a identity.Account) string {
	if a.Invited {
		return ui.T(ctx, "Make a new invitation")
	}
	return ui.T(ctx, "Make a reset link")
}

func disableText(ctx context.Context, patient bool) string {
	if patient {
		return ui.T(ctx, "Ends all sessions at once. The chart stays as it is.")
	}
	return ui.T(ctx, "Ends all sessions at once; nobody can be booked with the person any more. What was signed stays signed.")
}

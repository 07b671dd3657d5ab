package clinic

import (
	"slices"

	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/practice/task"
	"github.com/osler-emr/osler/record"
	"github.com/osler-emr/osler/trust"
)

// navigation is the top bar of a role: only what the role can open. The count of open work,
// and whether the backups are a worry, is asked once for each page; when it cannot be had the
// page is still shown, without a number. Without a request it is a clinician's.
func navigation(r *web.Request) []ui.NavItem {
	if r == nil || r.Actor == nil {
		return navigationOf(trust.Physician)
	}
	list := navigationOf(r.Principal().Role)
	if slices.ContainsFunc(r.Account.Grants, func(l identity.Lent) bool { return l.Holds(r.Now()) }) && r.Principal().Role != trust.Administrator {
		list = append(list, ui.NavItem{Label: "People", Href: "/people"})
	}
	if waiting, err := r.Site.Accounts.PortalWaiting(r.Context(), r.Principal()); err != nil {
		r.Site.Log.Warn("what waits about the portal is not known", "error", err.Error())
	} else if n := len(waiting); n > 0 {
		list = append(list, ui.NavItem{Label: "Portal", Href: "/portal-access", Count: n, CountLabel: "waiting"})
	}
	for i := range list {
		if list[i].Href == "/safety" {
			s, err := r.Actor.Safety(r.Context())
			if err != nil {
				r.Site.Log.Warn("the safety of the record is not known", "error", err.Error())
			} else if s.Worry(r.Now()) > record.NoBackups {
				list[i].Count, list[i].Urgent = 1, true
			}
		}
		if list[i].Href == "/privacy" {
			n, err := r.Site.Accounts.GlassToReview(r.Context(), r.Principal())
			if err != nil {
				r.Site.Log.Warn("emergency access not counted", "error", err.Error())
			}
			list[i].Count, list[i].Urgent = n, n > 0
		}
		if list[i].Href != "/inbox" {
			continue
		}
		open, urgent, err := task.CountOpen(r.Context(), r.Actor)
		if err != nil {
			r.Site.Log.Warn("open work not counted", "error", err.Error())
			return list
		}
		list[i].Count, list[i].Urgent = int(open), urgent > 0
	}
	return list
}

// navigationOf is the top bar of a role, without numbers. Its first page is the role's own.
func navigationOf(role trust.Role) []ui.NavItem {
	switch role {
	case trust.FrontDesk:
		return []ui.NavItem{{Label: "Schedule", Href: "/schedule"}, {Label: "Charts", Href: "/charts"},
			{Label: "Register", Href: "/register"}, {Label: "Inbox", Href: "/inbox", CountLabel: "open"}}
	case trust.Records:
		return []ui.NavItem{{Label: "Charts", Href: "/charts"}, {Label: "Requests", Href: "/requests"}, {Label: "Retention", Href: "/retention"}, {Label: "Inbox", Href: "/inbox", CountLabel: "open"}}
	case trust.Pharmacist, trust.Laboratory:
		return []ui.NavItem{{Label: "Charts", Href: "/charts"}, {Label: "Inbox", Href: "/inbox", CountLabel: "open"}}
	case trust.Biller:
		return []ui.NavItem{{Label: "Billing", Href: "/billing"}, {Label: "Statements", Href: "/statements"}, {Label: "Fees", Href: "/fees"}}
	case trust.Administrator:
		return []ui.NavItem{{Label: "People", Href: "/people"}, {Label: "Fees", Href: "/fees"}, {Label: "Programs", Href: "/programs"}, {Label: "Access", Href: "/access"}, {Label: "Audit", Href: "/audit"}, {Label: "Privacy", Href: "/privacy", CountLabel: "to review"}, {Label: "Retention", Href: "/retention"}, {Label: "Safety", Href: "/safety", CountLabel: "warning"}}
	case trust.Auditor:
		return []ui.NavItem{{Label: "Audit", Href: "/audit"}, {Label: "Access", Href: "/access"}, {Label: "Privacy", Href: "/privacy", CountLabel: "to review"}, {Label: "Retention", Href: "/retention"}, {Label: "Safety", Href: "/safety", CountLabel: "warning"}}
	}
	return []ui.NavItem{{Label: "Today", Href: "/today"}, {Label: "Charts", Href: "/charts"},
		{Label: "Inbox", Href: "/inbox", CountLabel: "open"}, {Label: "Schedule", Href: "/schedule"}}
}

// homeOf is the first page of a role.
func homeOf(role trust.Role) string { return navigationOf(role)[0].Href }

package clinic

import (
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
	"github.com/osler-emr/osler/practice/task"
)

// navigation is the top bar. The count of open work is asked once for each page; when it
// cannot be had the page is still shown, without a number.
func navigation(r *web.Request) []ui.NavItem {
	list := []ui.NavItem{
		{Label: "Today", Href: "/today"},
		{Label: "Charts", Href: "/charts"},
		{Label: "Inbox", Href: "/inbox", CountLabel: "open"},
		{Label: "Schedule", Href: "/schedule"},
	}
	if r == nil || r.Actor == nil {
		return list
	}
	open, urgent, err := task.CountOpen(r.Context(), r.Actor)
	if err != nil {
		r.Site.Log.Warn("open work not counted", "error", err.Error())
		return list
	}
	list[2].Count, list[2].Urgent = int(open), urgent > 0
	return list
}

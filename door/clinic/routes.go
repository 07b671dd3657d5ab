// Package clinic is the web of the people who work in the clinic.
//
// routes below is its site map, one line a route. A page is a handler (noun_verb.go), a view
// struct and a template beside it. Clinical meaning lives in practice; values are drawn by
// door/ui.
package clinic

import (
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
)

// Area returns the clinic's web for a site.
func Area() web.Area {
	return web.Area{Door: "clinic", Home: "/today", Shell: ui.ClinicPage, Nav: navigation, Routes: routes}
}

func navigation(*web.Request) []ui.NavItem {
	return []ui.NavItem{
		{Label: "Today", Href: "/today"},
		{Label: "Charts", Href: "/charts"},
		{Label: "Inbox", Href: "/inbox"},
		{Label: "Schedule", Href: "/schedule"},
	}
}

// routes is the site map.
func routes(*web.Mux) {
}

// Package portal is the web of patients: their results, medicines, messages and
// measurements in plain words, on a phone first.
//
// routes below is its site map. Everything is read and written through the patient's own
// Actor, which sees one compartment; clinical meaning lives in practice.
package portal

import (
	"github.com/osler-emr/osler/door/ui"
	"github.com/osler-emr/osler/door/web"
)

// Area returns the portal for a site.
func Area() web.Area {
	return web.Area{Door: "portal", Home: "/portal", Shell: ui.PortalPage, Nav: navigation, Patients: true, Routes: routes}
}

func navigation(*web.Request) []ui.NavItem { return nil }

// routes is the site map.
func routes(*web.Mux) {}

package fhirapi

import (
	"fmt"
	"slices"
	"strings"
)

// Route is one declared route, for the site map and tests.
type Route struct {
	Method, Pattern string
	// Public routes are open to callers without a token; all others ask for one.
	Public bool
}

// Routes returns all routes of the door.
func Routes() []Route {
	var list []Route
	for _, rt := range routes() {
		list = append(list, Route{rt.method, rt.pattern, rt.public})
	}
	return list
}

// openRoutes are the only ones that may be public: what the server is, and the socket, which asks
// for its token in the first message.
var openRoutes = []string{"GET /fhir/metadata", "GET /fhir/openapi.json", "GET /fhir/$websocket"}

// undeclared says what is wrong with the table of routes, "" when nothing is: a route without
// a handler, outside of /fhir, or open to everybody without standing among the open routes.
func undeclared(list []route) string {
	for _, rt := range list {
		name := rt.method + " " + rt.pattern
		switch {
		case rt.method == "" || !strings.HasPrefix(rt.pattern, "/fhir") || rt.handle == nil:
			return fmt.Sprintf("the route %q needs a method, a path below /fhir and a handler", name)
		case rt.public && !slices.Contains(openRoutes, name):
			return fmt.Sprintf("the route %q is public and does not stand among the routes that may be", name)
		}
	}
	return ""
}

package oauth

import (
	"slices"
	"strings"

	"github.com/osler-emr/osler/trust/policy"
)

// The scopes that are no resource scopes.
const (
	OpenID        = "openid"
	FHIRUser      = "fhirUser"
	Profile       = "profile"
	Launch        = "launch"
	LaunchPatient = "launch/patient"
	LaunchVisit   = "launch/encounter"
	Offline       = "offline_access"
	Online        = "online_access"
)

var special = []string{OpenID, FHIRUser, Profile, Launch, LaunchPatient, LaunchVisit, Offline, Online}

// Usual are the scopes of a program that registers itself and names none.
var Usual = []string{OpenID, FHIRUser, Launch, LaunchPatient, Offline, "patient/*.rs"}

// maxScopes is the largest number of scopes in one request.
const maxScopes = 100

// split reads a list of scopes, each once.
func split(text string) ([]string, error) {
	var out []string
	for _, s := range strings.Fields(text) {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(out) > maxScopes {
		return nil, refuse("invalid_scope", "There are more than 100 scopes.")
	}
	return out, nil
}

// IsResource reports whether a scope is about resources, and one that can be used.
func IsResource(scope string) bool {
	_, err := policy.ParseScope(scope)
	return err == nil
}

// ofPatient reports whether scopes need a patient.
func ofPatient(scopes []string) bool {
	return slices.ContainsFunc(scopes, func(s string) bool { return s == LaunchPatient || strings.HasPrefix(s, "patient/") })
}

// within keeps those of the scopes that a program is registered for; system scopes only when
// system is true, and then nothing else.
func within(registered, asked []string, system bool) (out []string) {
	for _, a := range asked {
		s, err := policy.ParseScope(a)
		switch {
		case err != nil && !system && slices.Contains(special, a) && slices.Contains(registered, a):
			out = append(out, a)
		case err == nil && (s.Context == "system") == system && slices.ContainsFunc(registered, func(r string) bool { return covers(r, s) }):
			out = append(out, a)
		}
	}
	return out
}

// covers reports whether a registered scope holds all that another one opens.
func covers(registered string, s policy.Scope) bool {
	r, err := policy.ParseScope(registered)
	if err != nil || r.Context != s.Context || r.Type != "*" && r.Type != s.Type {
		return false
	}
	for _, l := range s.Letters {
		if !strings.ContainsRune(r.Letters, l) {
			return false
		}
	}
	return len(r.Where) == 0 || slices.Equal(r.Where, s.Where)
}

// subset reports whether every scope of a is one of b.
func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}

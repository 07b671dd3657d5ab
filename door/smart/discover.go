package smart

import (
	"net/http"

	"github.com/osler-emr/osler/identity/oauth"
)

// capabilities are those of SMART App Launch 2.2 that are really there.
var capabilities = []string{
	"launch-ehr", "launch-standalone", "authorize-post",
	"client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
	"sso-openid-connect", "context-banner", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
	"permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1", "permission-v2",
}

// scopes are examples of each kind; every resource type of R4 may stand for the star.
var scopes = []string{"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter", "offline_access", "online_access",
	"patient/*.cruds", "user/*.cruds", "system/*.cruds", "patient/*.read", "user/*.read"}

func metadata(at oauth.Place) map[string]any {
	return map[string]any{
		"issuer":                                at.Issuer(),
		"jwks_uri":                              at.Endpoint("jwks"),
		"authorization_endpoint":                at.Endpoint("authorize"),
		"token_endpoint":                        at.Endpoint("token"),
		"introspection_endpoint":                at.Endpoint("introspect"),
		"revocation_endpoint":                   at.Endpoint("revoke"),
		"registration_endpoint":                 at.Endpoint("register"),
		"token_endpoint_auth_methods_supported": oauth.Auths,
		"token_endpoint_auth_signing_alg_values_supported": []string{"RS384", "ES384"},
		"scopes_supported":                               scopes,
		"response_types_supported":                       []string{"code"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
}

// smartConfiguration is the discovery document of SMART.
func (d *Door) smartConfiguration(w http.ResponseWriter, r *http.Request) error {
	at := d.place(r)
	m := metadata(at)
	m["management_endpoint"] = at.Issuer() + "/settings/apps"
	m["grant_types_supported"] = []string{"authorization_code", "client_credentials"}
	m["capabilities"] = capabilities
	answer(w, http.StatusOK, m)
	return nil
}

// openIDConfiguration is the discovery document of OpenID Connect and of RFC 8414.
func (d *Door) openIDConfiguration(w http.ResponseWriter, r *http.Request) error {
	m := metadata(d.place(r))
	m["grant_types_supported"] = []string{"authorization_code", "refresh_token", "client_credentials"}
	m["response_modes_supported"] = []string{"query"}
	m["subject_types_supported"] = []string{"public"}
	m["id_token_signing_alg_values_supported"] = []string{"RS256"}
	m["claims_supported"] = []string{"iss", "sub", "aud", "exp", "iat", "nonce", "fhirUser", "profile"}
	m["request_parameter_supported"] = false
	m["request_uri_parameter_supported"] = false
	answer(w, http.StatusOK, m)
	return nil
}

func (d *Door) jwks(w http.ResponseWriter, r *http.Request) error {
	set, err := d.Server.JWKS(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(set)
	return nil
}

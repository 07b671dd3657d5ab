package fhirapi

import "net/http"

// allowCORS lets browser apps of any origin call the door (R4 http.html#cors). That is safe
// because a request is admitted by its bearer token alone: there is no cookie that another
// site's page could send along, and credentials are not allowed.
func allowCORS(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Location, ETag, Expires, Last-Modified, Location, X-Request-Id")
}

// preflight answers what a browser asks before it sends a request to another origin. It
// says nothing about what is stored.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	allowCORS(h)
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, Origin, Prefer, X-Requested-With")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

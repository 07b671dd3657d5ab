package fhirapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/identity"
	"github.com/osler-emr/osler/record/watch"
	"github.com/osler-emr/osler/trust"
)

// What is asked about subscriptions (HL7 Subscriptions R5 Backport 1.1.0). The subscriptions
// themselves are resources like others; record/watch looks after them.

// watching returns the watcher, or says that this server has none.
func (s *server) watching() (*watch.Watcher, error) {
	if s.Watch == nil {
		return nil, fault.New(fault.NotSupported, "This server does not deliver subscriptions.")
	}
	return s.Watch, nil
}

// subscribable adds to the CapabilityStatement what there is to subscribe to.
func subscribable(r *fhir.Node) {
	const guide = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	topics := fhir.Arr()
	for _, t := range watch.Topics() {
		topics.Append(fhir.Obj("url", guide+"capabilitystatement-subscriptiontopic-canonical", "valueCanonical", t.URL))
	}
	r.SetFirst(0, "extension", topics)
	supported := fhir.Arr(guide + "backport-subscription")
	for p := range r.Get("supportedProfile").Items() { // those that are stored
		if p.Text() != guide+"backport-subscription" {
			supported.Append(p)
		}
	}
	r.Set("supportedProfile", supported)
}

// subscriptionStatus answers Subscription/$status and Subscription/[id]/$status.
func (s *server) subscriptionStatus(c *call) error {
	w, query, err := s.subscriptionQuery(c, "id", "status")
	if err != nil {
		return err
	}
	ids, statuses := query["id"], query["status"]
	if id := c.PathValue("id"); id != "" {
		ids, statuses = []string{id}, nil
	}
	b, err := w.Status(c.Context(), c.actor, ids, statuses)
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, b.JSON())
}

// subscriptionQuery returns the watcher, and the parameters of an operation that knows those
// named.
func (s *server) subscriptionQuery(c *call, names ...string) (*watch.Watcher, url.Values, error) {
	w, err := s.watching()
	if err != nil {
		return nil, nil, err
	}
	query, err := c.parameters()
	if err != nil {
		return nil, nil, err
	}
	return w, query, known(query, names...)
}

// subscriptionEvents answers Subscription/[id]/$events.
func (s *server) subscriptionEvents(c *call) error {
	w, query, err := s.subscriptionQuery(c, "eventsSinceNumber", "eventsUntilNumber", "content")
	if err != nil {
		return err
	}
	var bounds [2]int64
	for i, name := range []string{"eventsSinceNumber", "eventsUntilNumber"} {
		v := query.Get(name)
		if v == "" {
			continue
		}
		if bounds[i], err = strconv.ParseInt(v, 10, 64); err != nil || bounds[i] < 0 {
			return fault.New(fault.Malformed, "%s=%q is not the number of an event.", name, clip(v))
		}
	}
	b, err := w.Events(c.Context(), c.actor, c.PathValue("id"), bounds[0], bounds[1], query.Get("content"))
	if err != nil {
		return err
	}
	return c.write(http.StatusOK, b.JSON())
}

// subscriptionBinding answers $get-ws-binding-token.
func (s *server) subscriptionBinding(c *call) error {
	w, query, err := s.subscriptionQuery(c, "id")
	if err != nil {
		return err
	}
	ids := query["id"]
	if id := c.PathValue("id"); id != "" {
		ids = []string{id}
	}
	client := s.bearer(c)
	if client == nil { // a page: its person is signed in for the site alone
		return errNoToken
	}
	b, err := w.BindingToken(c.Context(), c.actor, client, ids)
	if err != nil {
		return err
	}
	list := fhir.Arr(fhir.Obj("name", "token", "valueString", b.Token),
		fhir.Obj("name", "expiration", "valueDateTime", b.Expires.UTC().Format(instant)),
		fhir.Obj("name", "websocket-url", "valueUrl", socketAddress(c.base)))
	for _, id := range b.IDs {
		list.Append(fhir.Obj("name", "subscription", "valueString", id))
	}
	return c.write(http.StatusOK, fhir.Obj("resourceType", "Parameters", "parameter", list).JSON())
}

// socketAddress is where websockets connect.
func socketAddress(base string) string {
	if rest, ok := strings.CutPrefix(base, "http"); ok { // http and https become ws and wss
		return "ws" + rest + "/$websocket"
	}
	return base + "/$websocket"
}

// websocket answers GET $websocket. A bearer token is possible, not needed: browsers cannot
// send one, and bind with a token of $get-ws-binding-token instead.
func (s *server) websocket(c *call) error {
	w, err := s.watching()
	if err != nil {
		return err
	}
	if !strings.EqualFold(c.Header.Get("Upgrade"), "websocket") {
		return fault.New(fault.Malformed, "This address is for websockets.")
	}
	client := s.bearer(c)
	if client == nil && c.Header.Get("Authorization") != "" {
		return fault.New(fault.Unauthorized, "Send a bearer token in the Authorization header, or none.")
	}
	if client != nil {
		if _, err := client(c.Context()); err != nil {
			return err
		}
	}
	w.ServeSocket(c.w, c.Request, client)
	return nil
}

// bearer returns who comes with the bearer token of a call, to be asked whenever something goes to
// them; nil without a token.
func (s *server) bearer(c *call) watch.Client {
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	token, network := strings.TrimSpace(token), identity.Network(c.RemoteAddr)
	return func(ctx context.Context) (trust.Principal, error) {
		p, err := s.Authenticate(ctx, token)
		p.Network = network
		return p, err
	}
}

package watch

import (
	"fmt"
	"strconv"
	"time"

	"github.com/osler-emr/osler/base/ident"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/xml"
)

const instant = "2006-01-02T15:04:05.000Z07:00"

// bundle returns a notification of the backport guide: a history whose first entry is the
// status of the subscription. The events are in it as far as the subscription asks.
func (w *Watcher) bundle(o *order, s state, kind string, events []event) *fhir.Node {
	if o.topic == nil {
		return nil
	}
	return w.bundleOf(o, s, kind, o.content, events)
}

func (w *Watcher) bundleOf(o *order, s state, kind, content string, events []event) *fhir.Node {
	now := w.Clock.Now()
	id := ident.New(now)
	status := w.statusOf(id, o, s, kind, content, events)
	entries := fhir.Arr(fhir.Obj("fullUrl", "urn:uuid:"+id, "resource", status,
		"request", fhir.Obj("method", "GET", "url", w.absolute("Subscription/"+o.id+"/$status")), "response", fhir.Obj("status", "200")))
	if content == contentFull {
		for _, e := range events {
			if n := w.entry(e); n != nil {
				entries.Append(n)
			}
		}
	}
	return fhir.Obj("resourceType", "Bundle", "id", ident.New(now), "meta", fhir.Obj("profile", fhir.Arr(profileBundle)),
		"type", "history", "timestamp", now.Format(instant), "entry", entries)
}

// entry is the resource of an event.
func (w *Watcher) entry(e event) *fhir.Node {
	method, url, status := "PUT", e.Type+"/"+e.ID, "200"
	switch {
	case e.Deleted:
		method, status = "DELETE", "204"
	case e.Version == 1:
		method, url, status = "POST", e.Type, "201"
	}
	n := fhir.Obj()
	if w.Base != "" {
		n.Set("fullUrl", fhir.Str(w.Base+"/"+e.Type+"/"+e.ID))
	}
	if !e.Deleted {
		r, err := fhir.Parse(e.stored.Body)
		if err != nil { // stored bodies were parsed when they came
			return nil
		}
		n.Set("resource", r)
	}
	n.Set("request", fhir.Obj("method", method, "url", url))
	n.Set("response", fhir.Obj("status", status, "etag", fmt.Sprintf(`W/"%d"`, e.Version), "lastModified", e.When.UTC().Format(instant)))
	return n
}

func (w *Watcher) absolute(reference string) string {
	if w.Base == "" {
		return reference
	}
	return w.Base + "/" + reference
}

// statusOf is R5's SubscriptionStatus as Parameters.
func (w *Watcher) statusOf(id string, o *order, s state, kind, content string, events []event) *fhir.Node {
	list := fhir.Arr(fhir.Obj("name", "subscription", "valueReference", fhir.Obj("reference", w.absolute("Subscription/"+o.id))))
	if o.topic != nil {
		list.Append(fhir.Obj("name", "topic", "valueCanonical", o.topic.URL))
	}
	list.Append(fhir.Obj("name", "status", "valueCode", o.status), fhir.Obj("name", "type", "valueCode", kind))
	if s.Events != hidden {
		list.Append(fhir.Obj("name", "events-since-subscription-start", "valueString", strconv.FormatInt(s.Events, 10)))
	}
	for _, e := range events {
		parts := fhir.Arr(fhir.Obj("name", "event-number", "valueString", strconv.FormatInt(e.Number, 10)),
			fhir.Obj("name", "timestamp", "valueInstant", e.When.UTC().Format(instant)))
		if content != contentEmpty {
			parts.Append(fhir.Obj("name", "focus", "valueReference", fhir.Obj("reference", w.absolute(e.Type+"/"+e.ID))))
		}
		if o.topic != nil && o.topic.Trigger != "" {
			parts.Append(fhir.Obj("name", "trigger", "valueCoding", fhir.Obj("code", o.topic.Trigger)))
		}
		list.Append(fhir.Obj("name", "notification-event", "part", parts))
	}
	if s.Reason != "" && s.Failures > 0 {
		list.Append(fhir.Obj("name", "error", "valueCodeableConcept", fhir.Obj("text", fmt.Sprintf("%d failures in a row; the last: %s", s.Failures, s.Reason))))
	}
	return fhir.Obj("resourceType", "Parameters", "id", id, "meta", fhir.Obj("profile", fhir.Arr(profileStatus)), "parameter", list)
}

// encode writes a resource in the form that the subscription asks for.
func encode(r *fhir.Node, mime string) ([]byte, error) {
	if mime == mimeXML {
		return xml.Encode(r)
	}
	return r.JSON(), nil
}

// timeoutOf is the time that one attempt may take.
func (o *order) timeoutOf() time.Duration { return max(o.timeout, time.Second) }

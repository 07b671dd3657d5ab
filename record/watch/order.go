package watch

import (
	"context"
	"net/http"
	"net/mail"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/fhir/definition"
	"github.com/osler-emr/osler/fhir/search"
)

// The extensions of the Subscriptions R5 Backport guide.
const (
	guide            = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
	extFilter        = guide + "backport-filter-criteria"
	extContent       = guide + "backport-payload-content"
	extHeartbeat     = guide + "backport-heartbeat-period"
	extTimeout       = guide + "backport-timeout"
	extMaxCount      = guide + "backport-max-count"
	profileBundle    = guide + "backport-subscription-notification-r4"
	profileStatus    = guide + "backport-subscription-status-r4"
	contentEmpty     = "empty"
	contentID        = "id-only"
	contentFull      = "full-resource"
	channelHook      = "rest-hook"
	channelSocket    = "websocket"
	channelMail      = "email"
	mimeJSON         = "application/fhir+json"
	mimeXML          = "application/fhir+xml"
	statusRequested  = "requested"
	statusActive     = "active"
	statusError      = "error"
	statusOff        = "off"
	shortestBeat     = time.Second
	longestTimeout   = time.Minute
	usualTimeout     = 10 * time.Second
	maxBatch         = 100
	maxHeaders       = 20
	maxHeaderLength  = 4096
	maxFilters       = 20
	maxAddressLength = 2000
)

// unwatched types are not notified about: what the notifications themselves write, and what
// is no part of the record's content.
var unwatched = map[string]bool{"Subscription": true, "AuditEvent": true, "Parameters": true, "OperationOutcome": true}

// order is what a Subscription asks for.
type order struct {
	id      string
	version int64
	parser  search.Parser // knows the parameters of the record
	status  string
	end     time.Time // zero: none

	asked string // criteria and filters as written, to compare
	topic *Topic // nil: a search of R4
	types []string
	where map[string]search.Expr // by type: what the resource must satisfy
	rules map[string][]rule      // by type: the topic's own conditions

	channel, endpoint string
	headers           []string // "Name: value", masked
	mime              string   // "": nothing but the fact is sent
	content           string
	heartbeat         time.Duration // 0: none
	timeout           time.Duration
	batch             int
}

// read reads a Subscription; faults name the element.
func (w *Watcher) read(ctx context.Context, r *fhir.Node) (*order, error) {
	o := &order{id: r.ID(), status: r.Get("status").Text(), where: map[string]search.Expr{}, rules: map[string][]rule{}, timeout: usualTimeout, batch: 1}
	o.version, _ = strconv.ParseInt(r.Path("meta.versionId").Text(), 10, 64)
	if end := r.Get("end").Text(); end != "" {
		var err error
		if o.end, err = time.Parse(time.RFC3339Nano, end); err != nil {
			return nil, invalid("Subscription.end", "The end is not an instant such as 2026-11-24T08:00:00Z.")
		}
	}
	registry, err := w.Gate.Registry(ctx)
	if err != nil {
		return nil, err
	}
	o.parser.Registry = registry
	criteria := r.Get("criteria").Text()
	o.asked = criteria + string(r.Path("_criteria.extension").JSON())
	if o.topic, err = w.topic(ctx, criteria); err != nil {
		return nil, err
	}
	steps := []func(*fhir.Node) error{o.readSearch, o.readChannel, o.readPayload}
	switch {
	case o.topic != nil:
		steps[0] = o.readTopic
	case strings.Contains(criteria, ":") && !strings.Contains(criteria, "?"):
		return nil, fault.New(fault.NotSupported, "There is no topic with this canonical address here; the documentation lists those that Osler brings.").At("Subscription.criteria")
	}
	for _, step := range steps {
		if err := step(r); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func invalid(path, format string, args ...any) error {
	return fault.New(fault.Invalid, format, args...).At(path)
}

// readSearch reads criteria of R4: "Observation?code=8867-4".
func (o *order) readSearch(r *fhir.Node) error {
	t, query, _ := strings.Cut(r.Get("criteria").Text(), "?")
	if !definition.IsResource(t) || unwatched[t] {
		return invalid("Subscription.criteria", "The criteria are a search such as Observation?code=8867-4, or the address of a topic.")
	}
	where, err := conditionOf(o.parser, t, query)
	if err != nil {
		return err
	}
	o.types, o.where[t] = []string{t}, where
	return nil
}

// readTopic reads the filters of a topic. "Encounter?patient=Patient/7" is about Encounters, and
// leaves out the types that no filter names; "patient=Patient/7" is for every type that has
// such a parameter, and leaves out the others. All filters about a type must hold.
func (o *order) readTopic(r *fhir.Node) error {
	const at = "Subscription.criteria.extension"
	left := map[string]error{} // types that a filter cannot be asked of, and why
	named := map[string]bool{}
	for _, t := range o.topic.Types {
		rules, err := o.topic.rules(t)
		if err != nil {
			return err
		}
		o.rules[t] = rules
	}
	n := 0
	for e := range r.Path("_criteria.extension").Items() {
		if e.Get("url").Text() != extFilter {
			continue
		}
		if n++; n > maxFilters {
			return fault.New(fault.TooCostly, "A subscription has at most %d filters.", maxFilters).At(at)
		}
		t, query, typed := strings.Cut(e.Get("valueString").Text(), "?")
		on := o.topic.Types
		if typed {
			if !slices.Contains(on, t) {
				return invalid(at, "A filter is about a type that the topic does not have.")
			}
			on, named[t] = []string{t}, true
		} else {
			query = t
		}
		for _, t := range on {
			if err := o.filter(t, query); err != nil {
				left[t] = err
				if typed {
					return err
				}
			}
		}
	}
	for _, t := range o.topic.Types {
		if left[t] == nil && (len(named) == 0 || named[t]) {
			o.types = append(o.types, t)
		}
	}
	if len(o.types) > 0 {
		return nil
	}
	for _, err := range left { // any of them says what is wrong
		return err
	}
	return invalid(at, "The filters leave nothing of the topic.")
}

// filter adds a filter on a type.
func (o *order) filter(t, query string) error {
	query, err := o.triggers(query)
	if err != nil {
		return err
	}
	where, err := conditionOf(o.parser, t, ownID(t, query))
	if err != nil {
		return err
	}
	o.where[t] = and(o.where[t], where)
	return nil
}

// triggers takes the parameter "trigger" out of a filter, for topics that have triggers.
func (o *order) triggers(query string) (string, error) {
	if o.topic.Trigger == "" {
		return query, nil
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		value, ok := strings.CutPrefix(part, "trigger=")
		if !ok {
			kept = append(kept, part)
			continue
		}
		if _, code, found := strings.Cut(value, "|"); found {
			value = code
		}
		if value != o.topic.Trigger {
			return "", fault.New(fault.NotSupported, "The only trigger of this topic is %s.", o.topic.Trigger).At("Subscription.criteria.extension")
		}
	}
	return strings.Join(kept, "&"), nil
}

// ownID lets "patient=Patient/7" select the Patient itself too, which has no such parameter.
func ownID(of, query string) string {
	if id, ok := strings.CutPrefix(query, "patient="); ok && of == "Patient" && !strings.Contains(id, "&") {
		return "_id=" + strings.ReplaceAll(id, "Patient/", "")
	}
	return query
}

func and(a, b search.Expr) search.Expr {
	if a == nil {
		return b
	}
	return search.And{a, b}
}

// condition parses a search of a topic, with the parameters of R4.
func condition(t, query string) (search.Expr, error) { return conditionOf(search.Parser{}, t, query) }

// persons are the types, and identifying the parameters, by which a search says who somebody is.
var (
	persons     = []string{"Patient", "RelatedPerson", "Person"}
	identifying = []string{"name", "family", "given", "phonetic", "birthdate", "death-date", "identifier", "telecom", "phone", "email",
		"address", "address-city", "address-country", "address-postalcode", "address-state", "address-use", "_text", "_content", "_filter"}
)

// conditionOf parses a search that is decided on the resource alone.
func conditionOf(parser search.Parser, t, query string) (search.Expr, error) {
	const at = "Subscription.criteria"
	params, err := search.ParseQuery(query)
	if err != nil {
		return nil, err
	}
	if slices.Contains(persons, t) {
		for _, p := range params {
			if name, _, _ := strings.Cut(p.Name, ":"); slices.Contains(identifying, name) {
				return nil, fault.New(fault.Invalid, "Criteria are kept and can be read by administrators: they do not say who somebody is by %s. Name the record by its id.", name).At(at)
			}
		}
	}
	q, err := parser.Parse(t, params, search.Strict)
	if err != nil {
		if f, ok := err.(*fault.Error); ok {
			return nil, fault.New(fault.Invalid, "%s", f.Message).At(at)
		}
		return nil, err
	}
	if len(q.Include)+len(q.RevInclude)+len(q.Sort)+len(q.Elements) > 0 || q.Summary != search.SummaryFalse || q.Total != search.TotalNone || q.Count != search.DefaultCount {
		return nil, fault.New(fault.NotSupported, "Criteria select resources; they have no _include, _sort, _count, _summary, _elements or _total.").At(at)
	}
	if !alone(q.Where) {
		return nil, fault.New(fault.NotSupported, "Criteria are decided on the changed resource alone: chained parameters, _has, and :below and :above on references cannot be used.").At(at)
	}
	return q.Where, nil
}

// alone reports whether an expression needs no other resource.
func alone(x search.Expr) bool {
	switch x := x.(type) {
	case search.Chain, search.Has, search.Lineage:
		return false
	case search.Not:
		return alone(x.X)
	case search.And:
		return !slices.ContainsFunc(x, func(e search.Expr) bool { return !alone(e) })
	case search.Or:
		return !slices.ContainsFunc(x, func(e search.Expr) bool { return !alone(e) })
	}
	return true
}

// readChannel reads how notifications are sent.
func (o *order) readChannel(r *fhir.Node) error {
	c := r.Get("channel")
	o.channel, o.endpoint = c.Get("type").Text(), c.Get("endpoint").Text()
	if len(o.endpoint) > maxAddressLength {
		return invalid("Subscription.channel.endpoint", "The endpoint is longer than %d characters.", maxAddressLength)
	}
	switch o.channel {
	case channelHook:
		if o.endpoint == "" {
			return invalid("Subscription.channel.endpoint", "A rest-hook needs an endpoint.")
		}
	case channelSocket:
	case channelMail:
		address, err := mailbox(o.endpoint)
		if err != nil {
			return err
		}
		o.endpoint = address
	default:
		return fault.New(fault.NotSupported, "The channel type must be rest-hook, websocket or email.").At("Subscription.channel.type")
	}
	for h := range c.Get("header").Items() {
		o.headers = append(o.headers, h.Text())
	}
	if len(o.headers) > 0 && o.channel != channelHook {
		return invalid("Subscription.channel.header", "Only a rest-hook has headers.")
	}
	if len(o.headers) > maxHeaders {
		return invalid("Subscription.channel.header", "A channel has at most %d headers.", maxHeaders)
	}
	for _, h := range o.headers {
		if _, _, err := header(h); err != nil {
			return err
		}
	}
	for e := range c.Get("extension").Items() {
		if err := o.extension(e); err != nil {
			return err
		}
	}
	if o.channel == channelSocket && o.topic == nil {
		o.batch = search.MaxCount // a ping says that there is something, not how much
	}
	return nil
}

// extension reads one extension of the channel.
func (o *order) extension(e *fhir.Node) error {
	url, known := e.Get("url").Text(), false
	for _, name := range []string{extHeartbeat, extTimeout, extMaxCount} {
		known = known || url == name
	}
	if !known {
		return nil
	}
	v := e.Get("valueUnsignedInt").Text()
	if v == "" {
		v = e.Get("valuePositiveInt").Text()
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > 1<<20 {
		return invalid("Subscription.channel.extension", "The extension needs a whole number of reasonable size.")
	}
	switch url {
	case extHeartbeat:
		if o.heartbeat = time.Duration(n) * time.Second; n > 0 {
			o.heartbeat = max(o.heartbeat, shortestBeat)
		}
	case extTimeout:
		if n > 0 {
			o.timeout = min(time.Duration(n)*time.Second, longestTimeout)
		}
	case extMaxCount:
		o.batch = min(max(n, 1), maxBatch)
	}
	return nil
}

// readPayload reads what a notification holds.
func (o *order) readPayload(r *fhir.Node) error {
	payload := r.Path("channel.payload").Text()
	switch payload {
	case "":
	case mimeJSON, "application/json", "json":
		o.mime = mimeJSON
	case mimeXML, "application/xml", "xml":
		o.mime = mimeXML
	default:
		return fault.New(fault.NotSupported, "The payload must be application/fhir+json, application/fhir+xml, or absent.").At("Subscription.channel.payload")
	}
	for e := range r.Path("channel._payload.extension").Items() {
		if e.Get("url").Text() == extContent {
			o.content = e.Get("valueCode").Text()
		}
	}
	if o.topic == nil {
		o.content = contentEmpty
		if o.mime != "" {
			o.content = contentFull
		}
	} else {
		if o.content == "" {
			o.content = contentEmpty
		}
		if o.mime == "" {
			o.mime = mimeJSON
		}
	}
	switch {
	case !slices.Contains([]string{contentEmpty, contentID, contentFull}, o.content):
		return invalid("Subscription.channel.payload.extension", "The content must be empty, id-only or full-resource.")
	case o.channel == channelMail && o.content != contentEmpty:
		return fault.New(fault.NotSupported, "An email says that something changed and nothing else: leave the payload out, or ask for the content empty.").At("Subscription.channel.payload")
	}
	return nil
}

// mailbox reads "mailto:desk@clinic.example".
func mailbox(endpoint string) (string, error) {
	address := strings.TrimPrefix(endpoint, "mailto:")
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address || strings.ContainsAny(address, "\r\n ,;<>\"") || strings.IndexFunc(address, func(c rune) bool { return c > 0x7e }) >= 0 {
		return "", invalid("Subscription.channel.endpoint", "The endpoint of an email is an address such as mailto:desk@clinic.example.")
	}
	return address, nil
}

// ours are headers that a subscriber may not set: those of HTTP itself, and those that say
// what the body is.
var ours = map[string]bool{"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Transfer-Encoding": true,
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authorization": true, "Te": true, "Trailer": true, "Upgrade": true, "Expect": true}

// header reads "Authorization: Bearer x".
func header(line string) (name, value string, err error) {
	const at = "Subscription.channel.header"
	name, value, ok := strings.Cut(line, ":")
	value = strings.Trim(value, " ")
	bad := !ok || name == "" || value == "" || len(line) > maxHeaderLength
	for _, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		bad = bad || !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c))
	}
	for _, c := range []byte(value) {
		bad = bad || c < 0x20 && c != '\t' || c == 0x7f
	}
	if bad {
		return "", "", invalid(at, "A header is a line such as X-Key: value, without control characters.")
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	if ours[name] {
		return "", "", invalid(at, "The header %s is set by the server.", name)
	}
	return name, value, nil
}

// masked is what readers see of the value of a header.
const masked = "***"

// mask returns the header as it may be read.
func mask(name string) string { return name + ": " + masked }

// httpHeader returns headers as they are sent.
func httpHeader(lines []string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		if name, value, err := header(line); err == nil {
			h.Add(name, value)
		}
	}
	return h
}

package record

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/fhir"
	"github.com/osler-emr/osler/store"
	"github.com/osler-emr/osler/store/blob"
	"github.com/osler-emr/osler/trust"
	"github.com/osler-emr/osler/trust/ledger"
	"github.com/osler-emr/osler/trust/policy"
)

// Large data (a scanned letter in Attachment.data, a photo in Binary.data) lies outside of
// the resource: in the store stands, instead of "data", a "_data" with an extension that names
// the content. Whoever reads through the gate gets the data back, byte for byte: that is done
// in one place, here, for everything that comes out of the store. Data that would make the
// resource larger than FHIR documents are allowed to be is left out, and an extension of
// another name tells its size; it is read as it is, with OpenBinary. Data whose file is missing or
// damaged is left out in the same way (Lacks): one lost scan must not keep the rest of a chart from
// those who treat the patient, nor hold up what follows from later commits.

const (
	contentMark = beginMark + `","valueString":"`
	sizeMark    = beginMark + `-size","valueUnsignedInt":`
	lostMark    = beginMark + `-lost","valueUnsignedInt":`
	beginMark   = `":{"extension":[{"url":"urn:osler:content`
	// marks is what nobody may write: how both begin.
	marks = `"urn:osler:content`

	// outside is the length from which on base64 text is kept outside.
	outside = 64 << 10
	// fillPage is how many bytes one page of a search or history may gain at most.
	fillPage = 2 * fhir.MaxBytes
)

// MaxContent is the largest content that can be kept, in bytes: what fits valueUnsignedInt.
const MaxContent = 1<<31 - 1

// WithContents returns a store that keeps large data in a store of contents. Gates, feeds and
// whatever else reads versions are opened on it.
func WithContents(s store.Store, b *blob.Store) store.Store { return &contents{Store: s, blobs: b} }

// contents is a store whose versions have their data, though it lies elsewhere.
type contents struct {
	store.Store // as it is: with marks
	blobs       *blob.Store

	trouble atomic.Pointer[trouble] // why it takes no changes now
	tell    func(trouble error)     // see Gate.TellTrouble

	lost lostContents
}

// stored commits to the store below.
func (s *contents) stored(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	receipt, err := s.Store.Commit(ctx, c)
	s.noted(ctx, err, false)
	return receipt, err
}

// Commit moves large data out, and sees to it that every content that is named has its item.
func (s *contents) Commit(ctx context.Context, c store.Changeset) (store.Receipt, error) {
	if c.Leaf == nil { // refused there
		return s.Store.Commit(ctx, c)
	}
	named := map[string]naming{}
	var known knownContents
	for i, w := range c.Writes {
		body, err := s.moveOut(ctx, w, &known)
		if err != nil {
			return store.Receipt{}, err
		}
		inBody := markedIn(body)
		if len(inBody) == 0 {
			continue
		}
		if len(named) == 0 {
			leaf := *c.Leaf
			leaf.Versions = slices.Clone(leaf.Versions)
			c.Leaf, c.Writes = &leaf, slices.Clone(c.Writes)
		}
		c.Writes[i].Body = body
		for k := range c.Leaf.Versions { // the store hashes what is stored
			if v := &c.Leaf.Versions[k]; v.Type == w.Type && v.ID == w.ID {
				v.Hash = ""
			}
		}
		for _, m := range inBody {
			named[s.blobs.Name(m.Content)] = naming{m.Content, w.Patient}
		}
	}
	if len(named) == 0 {
		return s.stored(ctx, c)
	}
	return s.commitNamed(ctx, c, named)
}

// naming is a content that a resource of a patient names. Its item is the patient's, too, so that
// it is destroyed with the patient's keys.
type naming struct {
	blob.Content
	patient string
}

// commitNamed commits what names contents. A content that was not named before may be on its
// way out, in this process or in another (see SweepContents): its item is looked at first, then
// its file, and the commit asks that the item is as it was seen.
func (s *contents) commitNamed(ctx context.Context, c store.Changeset, named map[string]naming) (store.Receipt, error) {
	own := c.Items
	for try := 0; ; try++ {
		c.Items = own[:len(own):len(own)]
		for name, n := range named {
			item, version, err := s.item(ctx, name)
			switch {
			case err != nil:
				return store.Receipt{}, err
			case item.Going:
				return store.Receipt{}, fault.New(fault.Unavailable, "The content is just being removed, as nothing named it. Send it again in a moment.")
			case version > 0 && (item.patient != "" || n.patient == "" || n.Key == ""):
				continue
			}
			f, err := s.blobs.Open(ctx, n.Content)
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				return store.Receipt{}, err
			}
			value, err := json.Marshal(blob.Named{Content: n.Content})
			if err != nil {
				return store.Receipt{}, err
			}
			c.Items = append(c.Items, store.ItemWrite{Item: store.Item{Space: blob.Space, Key: name, Owner: n.patient, Patient: n.patient, Value: value}, IfVersion: version})
		}
		receipt, err := s.stored(ctx, c)
		// Somebody else may have named the same content in between. Any other conflict comes again.
		if !fault.Is(err, fault.Conflict) || len(c.Items) == len(own) || try == 3 {
			return receipt, err
		}
	}
}

// contentItem is what is noted of a content, and whose it is.
type contentItem struct {
	blob.Named
	patient string
}

// item returns what is noted of a content, with its version, which is 0 when nothing is.
func (s *contents) item(ctx context.Context, name string) (value contentItem, version int64, err error) {
	item, err := s.Item(ctx, blob.Space, name)
	if fault.Is(err, fault.NotFound) {
		return value, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(item.Value, &value.Named)
	}
	value.patient = item.Patient
	return value, item.Version, err
}

// hasMark reports whether one of the marks is in a stored body. All that is read is looked through, and next to
// nothing has one: where a character does not fit, all that it could belong to is left out (Horspool 1980,
// "Practical fast searching in strings"), which takes an eighth of the time of bytes.Contains.
func hasMark(body []byte) bool {
	const last = len(beginMark) - 1
	for at := last; at < len(body); at += int(ahead[body[at]]) {
		if body[at] == beginMark[last] && string(body[at-last:at]) == beginMark[:last] {
			return true
		}
	}
	return false
}

// ahead is how far beginMark has to move on when a character stands where it would end.
var ahead = func() (far [256]uint8) {
	for c := range far {
		far[c] = uint8(len(beginMark))
	}
	for i, c := range []byte(beginMark[:len(beginMark)-1]) {
		far[c] = uint8(len(beginMark) - 1 - i)
	}
	return far
}()

// mark is the name of a content in a stored body.
type mark struct {
	from, to int    // in the body: from the quote before the member's name to the last brace
	name     string // of the member, without its underscore
	blob.Content
}

// markedIn returns the contents that a stored body names.
func markedIn(body []byte) (out []mark) {
	for at := 0; ; {
		i := bytes.Index(body[at:], []byte(contentMark))
		if i < 0 {
			return out
		}
		i += at
		at = i + len(contentMark)
		m := mark{from: bytes.LastIndexByte(body[:i], '"')}
		value, rest, ok := bytes.Cut(body[at:min(len(body), at+200)], []byte(`"`))
		hash, size, ok2 := strings.Cut(string(value), "/")
		size, key, _ := strings.Cut(size, "/")
		n, err := strconv.ParseInt(size, 10, 64)
		if !ok || !ok2 || err != nil || !bytes.HasPrefix(rest, []byte(`}]}`)) || m.from < 0 || body[m.from+1] != '_' {
			continue
		}
		m.name, m.Content = string(body[m.from+2:i]), blob.Content{Hash: hash, Size: n, Key: key}
		m.to = at + len(value) + len(`"}]}`)
		at = m.to
		out = append(out, m)
	}
}

// markOf is how a body names a content, from the quote before the member's name.
func markOf(name string, c blob.Content) string {
	value := c.Hash + "/" + strconv.FormatInt(c.Size, 10)
	if c.Key != "" {
		value += "/" + c.Key
	}
	return `"_` + name + contentMark + value + `"}]}`
}

// moveOut returns the body of a write with its large data replaced by marks. Only what comes
// back byte for byte is moved: canonical base64 that has no extensions of its own.
func (s *contents) moveOut(ctx context.Context, w store.Write, known *knownContents) ([]byte, error) {
	body := w.Body
	// A file that is in no chart yet will be some patient's, whose keys destroy the content then, and not this body.
	waits := w.Type == "Binary" && w.Patient == ""
	if len(body) < outside && !waits {
		return body, nil
	}
	var out []byte
	done, name, named := 0, "", 0 // up to where body is in out; the last name, and where it begins
	for i := 0; ; {
		q := bytes.IndexByte(body[i:], '"')
		if q < 0 {
			break
		}
		start := i + q
		end := closing(body, start)
		i = end + 1
		if i < len(body) && body[i] == ':' {
			name, named = string(body[start+1:end]), start
			continue
		}
		text := body[start+1 : end]
		if len(text) < outside && !(waits && name == "data" && len(text) > 0) || start != named+len(name)+3 || extended(body, name) {
			continue
		}
		c, err := s.keep(ctx, w, text, known)
		var odd base64.CorruptInputError
		if errors.As(err, &odd) || errors.Is(err, io.ErrUnexpectedEOF) {
			continue // text that only looks like base64
		}
		if err != nil {
			return nil, err
		}
		out = append(append(out, body[done:named]...), markOf(name, c)...)
		done = end + 1
	}
	if done == 0 {
		return body, nil
	}
	return append(out, body[done:]...), nil
}

// extended reports whether a member may have extensions of its own somewhere in a body; contents that are
// named already are none.
func extended(body []byte, name string) bool {
	name = `"_` + name
	return bytes.Count(body, []byte(name+`"`)) > bytes.Count(body, []byte(name+contentMark))
}

// knownContents are the contents that a write may name anew, instead of keeping the same once
// more: those of the same patient, in the version before and in the same commit.
type knownContents struct {
	by map[string][]blob.Content // by patient
}

func (k *knownContents) add(patient string, c blob.Content) {
	if k.by == nil {
		k.by = map[string][]blob.Content{}
	}
	k.by[patient] = append(k.by[patient], c)
}

// same returns the content of a patient that has the bytes of a base64 text and can be opened.
func (k *knownContents) same(ctx context.Context, s *contents, patient string, text []byte) (blob.Content, bool) {
	hash := ""
	for _, c := range k.by[patient] {
		if int64(base64.StdEncoding.EncodedLen(int(c.Size))) != int64(len(text)) {
			continue
		}
		if hash == "" {
			sum := sha256.New()
			if _, err := io.Copy(sum, decoded(text)); err != nil {
				return c, false
			}
			hash = hex.EncodeToString(sum.Sum(nil))
		}
		if c.Hash != hash {
			continue
		}
		if f, err := s.blobs.Open(ctx, c); err == nil && f.Close() == nil {
			return c, true
		}
	}
	return blob.Content{}, false
}

// decoded reads canonical base64.
func decoded(text []byte) io.Reader {
	return base64.NewDecoder(base64.StdEncoding.Strict(), bytes.NewReader(text))
}

// keep keeps the data of a write, unless the patient has it already.
func (s *contents) keep(ctx context.Context, w store.Write, text []byte, known *knownContents) (blob.Content, error) {
	if w.Version > 1 {
		before, err := s.Store.ReadVersion(ctx, w.Type, w.ID, w.Version-1)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return blob.Content{}, err
		}
		for _, m := range markedIn(before.Body) {
			if m.Key != "" && before.Patient == w.Patient {
				known.add(w.Patient, m.Content)
			}
		}
	}
	if c, ok := known.same(ctx, s, w.Patient, text); ok {
		return c, nil
	}
	c, err := s.blobs.Put(ctx, decoded(text), MaxContent)
	if s.noted(ctx, err, true); err == nil {
		known.add(w.Patient, c)
	}
	return c, err
}

// closing returns where the string that begins at a quote ends.
func closing(body []byte, quote int) int {
	for i := quote + 1; i < len(body); {
		q := bytes.IndexByte(body[i:], '"')
		if q < 0 {
			break
		}
		i += q
		escapes := 0
		for body[i-1-escapes] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return i
		}
		i++
	}
	return len(body) - 1
}

// replaced returns a stored body with something else wherever it names a content.
func replaced(body []byte, by func(out []byte, m mark) ([]byte, error)) (out []byte, err error) {
	done := 0
	for _, m := range markedIn(body) {
		if out, err = by(append(out, body[done:m.from]...), m); err != nil {
			return nil, err
		}
		done = m.to
	}
	return append(out, body[done:]...), nil
}

// sizeInstead appends what tells the size of data that is left out.
func sizeInstead(out []byte, m mark) []byte {
	return append(out, `"_`+m.name+sizeMark+strconv.FormatInt(m.Size, 10)+`}]}`...)
}

// lostInstead appends what tells that data is lost, and keeps that it is.
func (s *contents) lostInstead(out []byte, m mark) []byte {
	file := s.blobs.Name(m.Content)
	s.lost.note(file)
	return append(out, `"_`+m.name+lostMark+strconv.FormatInt(m.Size, 10)+lostFile+file+`"}]}`...)
}

// fill puts the data back into a version. room is how many bytes it may gain; what does not
// fit is left out, and its size told.
func (s *contents) fill(ctx context.Context, v store.Version, room *int) (store.Version, error) {
	if !hasMark(v.Body) {
		return v, nil
	}
	length := len(v.Body)
	body, err := replaced(v.Body, func(out []byte, m mark) ([]byte, error) {
		encoded := base64.StdEncoding.EncodedLen(int(min(m.Size, fhir.MaxBytes)))
		if length+encoded > fhir.MaxBytes || encoded > *room {
			return sizeInstead(out, m), nil
		}
		with, err := s.encode(ctx, append(out, `"`+m.name+`":"`...), m)
		if blob.Lost(err) && ctx.Err() == nil {
			return s.lostInstead(out, m), nil
		}
		if err != nil {
			return nil, err
		}
		length, *room = length+encoded, *room-encoded
		return append(with, '"'), nil
	})
	if err != nil {
		return store.Version{}, err
	}
	v.Body = body
	return v, nil
}

// encode appends a content as base64.
func (s *contents) encode(ctx context.Context, out []byte, m mark) ([]byte, error) {
	f, err := s.blobs.Open(ctx, m.Content)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	plain := make([]byte, m.Size)
	if n, err := io.ReadFull(f, plain); err != nil || f.Size() != m.Size {
		return nil, fault.Wrap(err, fault.Unavailable, "The content could be read for %d of its %d bytes only.", n, m.Size)
	}
	return base64.StdEncoding.AppendEncode(out, plain), nil
}

func (s *contents) one(ctx context.Context, v store.Version, err error) (store.Version, error) {
	if err != nil {
		return v, err
	}
	room := fhir.MaxBytes
	return s.fill(ctx, v, &room)
}

// filled puts the data back into a version that was read without it.
func (g *Gate) filled(ctx context.Context, v store.Version, err error) (store.Version, error) {
	if s, ok := g.store.(*contents); ok {
		return s.one(ctx, v, err)
	}
	return v, err
}

// sized leaves large data out of a version that was read without it, and tells its size; the
// photo of a Patient is put back.
func (g *Gate) sized(ctx context.Context, v store.Version, err error) (store.Version, error) {
	s, ok := g.store.(*contents)
	if !ok || err != nil || v.Type == "Patient" {
		return g.filled(ctx, v, err)
	}
	room := 0
	return s.fill(ctx, v, &room)
}

func (s *contents) list(ctx context.Context, room *int, list []store.Version) (err error) {
	for i := range list {
		if list[i], err = s.fill(ctx, list[i], room); err != nil {
			return err
		}
	}
	return nil
}

func (s *contents) each(ctx context.Context, all iter.Seq2[store.Version, error]) iter.Seq2[store.Version, error] {
	return func(yield func(store.Version, error) bool) {
		for v, err := range all {
			if !yield(s.one(ctx, v, err)) {
				return
			}
		}
	}
}

// Read implements store.Store.
func (s *contents) Read(ctx context.Context, resourceType, id string, at store.T) (store.Version, error) {
	v, err := s.Store.Read(ctx, resourceType, id, at)
	return s.one(ctx, v, err)
}

// ReadVersion implements store.Store.
func (s *contents) ReadVersion(ctx context.Context, resourceType, id string, version int64) (store.Version, error) {
	v, err := s.Store.ReadVersion(ctx, resourceType, id, version)
	return s.one(ctx, v, err)
}

// Search implements store.Store.
func (s *contents) Search(ctx context.Context, p store.Plan) (store.Page, error) {
	page, err := s.Store.Search(ctx, p)
	room := fillPage
	if err == nil {
		err = s.list(ctx, &room, page.Matches)
	}
	if err == nil {
		err = s.list(ctx, &room, page.Included)
	}
	return page, err
}

// Compartment implements store.Store.
func (s *contents) Compartment(ctx context.Context, patient string, types []string, at store.T) iter.Seq2[store.Version, error] {
	return s.each(ctx, s.Store.Compartment(ctx, patient, types, at))
}

// All implements store.Store.
func (s *contents) All(ctx context.Context, types []string, at store.T) iter.Seq2[store.Version, error] {
	return s.each(ctx, s.Store.All(ctx, types, at))
}

// History implements store.Store.
func (s *contents) History(ctx context.Context, f store.HistoryFilter) ([]store.Version, error) {
	list, err := s.Store.History(ctx, f)
	room := fillPage
	if err == nil {
		err = s.list(ctx, &room, list)
	}
	return list, err
}

// Changes implements store.Store.
func (s *contents) Changes(ctx context.Context, after store.T, limit int) ([]store.Version, store.T, error) {
	list, upTo, err := s.Store.Changes(ctx, after, limit)
	room := fillPage
	if err == nil {
		err = s.list(ctx, &room, list)
	}
	return list, upTo, err
}

// Verify implements store.Store: it also reads every content and compares it with its hash.
func (s *contents) Verify(ctx context.Context, report func(problem string)) (int64, error) {
	return Verify(ctx, s, nil, report, report)
}

// verify reads every content, and tells those that are not as they were kept, with the resources that
// name them.
func (s *contents) verify(ctx context.Context, report func(file, of string, err error)) error {
	items, err := s.Items(ctx, blob.Space, "")
	if err != nil {
		return err
	}
	for _, item := range items {
		var value blob.Named
		if err := json.Unmarshal(item.Value, &value); err != nil {
			return err
		}
		if value.Going {
			continue
		}
		err := s.blobs.Verify(ctx, value.Content)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			of, err2 := s.naming(ctx, item.Patient, value.Content)
			if err2 != nil {
				return err2
			}
			report(item.Key, cmp.Or(strings.Join(of, ", "), "no resource that can be read"), err)
		}
	}
	return nil
}

// naming returns the references of the resources of a patient that name one of some contents in some
// version, or of those that name it now when it belongs to no patient. It is for contents that are lost.
func (s *contents) naming(ctx context.Context, patient string, list ...blob.Content) (refs []string, err error) {
	look := func(v store.Version) {
		ref := v.Type + "/" + v.ID
		if !slices.Contains(refs, ref) && slices.ContainsFunc(markedIn(v.Body), func(m mark) bool { return slices.Contains(list, m.Content) }) {
			refs = append(refs, ref)
		}
	}
	if patient != "" {
		versions, err := s.Store.History(ctx, store.HistoryFilter{Patient: patient, Count: 1 << 30})
		for _, v := range versions {
			look(v)
		}
		return refs, err
	}
	for v, err := range s.Store.All(ctx, nil, 0) {
		if err != nil {
			return nil, err
		}
		look(v)
	}
	return refs, nil
}

// Keep takes a content in as a stream: at most limit bytes, and at most MaxContent. It becomes
// part of the record with a Put of a Binary that has it as its Content, within a day.
func (a *Actor) Keep(ctx context.Context, r io.Reader, limit int64) (blob.Content, error) {
	if a.gate.blobs == nil {
		return blob.Content{}, fault.New(fault.NotSupported, "This record has no place for contents.")
	}
	if err := a.may(ctx, policy.Update, "Binary", ""); err != nil {
		if err := a.may(ctx, policy.Create, "Binary", ""); err != nil {
			return blob.Content{}, err
		}
	}
	if a.principal.Role == trust.Patient {
		limit = min(limit, maxOfPatient)
	}
	return a.gate.blobs.PutChecked(ctx, r, min(limit, MaxContent), a.checked(ctx))
}

// Enters refuses what would be put into a chart that is not there or not open to the actor, before
// a large content for it is taken in: Commit would refuse it, in the same words. What refers to no
// patient is not judged here.
func (a *Actor) Enters(ctx context.Context, path, reference string) error {
	kind, id := target(reference)
	if kind != "Patient" || a.principal.Role == trust.SystemRole {
		return nil
	}
	j, err := a.judge(ctx)
	if err != nil {
		return err
	}
	ok, err := (&builder{actor: a}).enters(ctx, j, id)
	if ok || err != nil {
		return err
	}
	return invalid([]fault.Issue{elsewhere(path, reference)})
}

// maxOfPatient is the largest file of a patient, in bytes: photos and papers, not films.
const maxOfPatient = 64 << 20

// withContent returns the body of a Binary whose data is a content.
func withContent(r *fhir.Node, body []byte, c blob.Content) ([]byte, error) {
	if r.ResourceType() != "Binary" || r.Get("data") != nil || r.Get("_data") != nil {
		return nil, fault.New(fault.Internal, "A content is the data of a Binary without other data.")
	}
	return append(append(body[:len(body)-1:len(body)-1], ","+markOf("data", c)...), '}'), nil
}

// unmarked refuses a body that names contents: only the gate does that, or anybody could read
// them under a name of his own.
func unmarked(body []byte, at, resourceType string) error {
	if bytes.Contains(body, []byte(marks)) {
		return fault.New(fault.Invalid, "The resource has the extension urn:osler:content, which only this server makes. If it was read from here without its data, send the data too, or leave the resource as it is.").At(at + resourceType)
	}
	return nil
}

// Binary is a Binary that is read as what it holds.
type Binary struct {
	Version  store.Version // without the data
	Resource *fhir.Node    // without the data
	Size     int64
	io.ReadSeekCloser
}

// OpenBinary opens the content of a Binary (the current one for version 0) under the same
// rules as ReadVersion.
func (a *Actor) OpenBinary(ctx context.Context, id string, version int64) (*Binary, error) {
	v, err := a.readLean(ctx, "Binary", id, version)
	if err != nil {
		return nil, err
	}
	r, err := fhir.Parse(v.Body)
	if err != nil {
		return nil, err
	}
	b := &Binary{Version: v, Resource: r}
	b.Version.Body = nil
	for _, m := range markedIn(v.Body) {
		if m.name != "data" || a.gate.blobs == nil {
			continue
		}
		r.Remove("_data")
		f, err := a.gate.blobs.Open(ctx, m.Content)
		if blob.Lost(err) {
			file := a.gate.blobs.Name(m.Content)
			if s, ok := a.gate.store.(*contents); ok {
				s.lost.note(file)
			}
			return nil, LostData("Binary/"+id, file)
		}
		if err != nil {
			return nil, err
		}
		b.Size, b.ReadSeekCloser = f.Size(), f
		return b, nil
	}
	plain, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(r.Get("data").Text()), ""))
	if err != nil {
		return nil, fault.New(fault.Invalid, "The data of this Binary is not base64; ask for it as application/fhir+json.")
	}
	r.Remove("data")
	b.Size, b.ReadSeekCloser = int64(len(plain)), nothingToClose{bytes.NewReader(plain)}
	return b, nil
}

type nothingToClose struct{ *bytes.Reader }

func (nothingToClose) Close() error { return nil }

// keptUnnamed is how long a content may lie that no version names: uploads that were never
// committed are removed then.
const keptUnnamed = 24 * time.Hour

// SweepContents removes the contents that no version names, older than a day. Versions keep
// theirs for ever, also deleted and former ones. It also looks which of those are lost, for Safety.
func (g *Gate) SweepContents(ctx context.Context) (removed int, err error) {
	if g.blobs == nil {
		return 0, nil
	}
	items, err := g.lean.Items(ctx, blob.Space, "")
	if err != nil {
		return 0, err
	}
	named := make(map[string]bool, len(items))
	for _, item := range items {
		var value blob.Named
		if err := json.Unmarshal(item.Value, &value); err != nil {
			return 0, err
		}
		named[item.Key] = true
		if value.Going { // a sweep was cut off
			if err := g.removeUnnamed(ctx, item); err != nil {
				return removed, err
			}
			removed++
		}
	}
	there := map[string]bool{}
	for f, err := range g.blobs.Files(ctx) {
		if err != nil {
			return removed, err
		}
		there[f.Name] = true
		if named[f.Name] || !g.left(f) {
			continue
		}
		value, err := json.Marshal(blob.Named{Going: true})
		if err != nil {
			return removed, err
		}
		item := store.Item{Space: blob.Space, Key: f.Name, Value: value, Version: 1}
		err = g.sweeping(ctx, store.ItemWrite{Item: item}) // somebody may have named it since
		if err == nil {
			err = g.removeUnnamed(ctx, item)
		}
		if fault.Is(err, fault.Conflict) {
			continue
		}
		if err != nil {
			return removed, err
		}
		removed++
	}
	if s, ok := g.store.(*contents); ok {
		_, err = s.look(ctx, items, there)
	}
	return removed, err
}

// left reports whether a file that nothing names has lain long enough.
func (g *Gate) left(f blob.File) bool { return g.clock.Now().Sub(f.Modified) >= keptUnnamed }

// removeUnnamed removes a file whose item says that it goes, unless it was put again since,
// and then the item.
func (g *Gate) removeUnnamed(ctx context.Context, item store.Item) error {
	f, err := g.blobs.Stat(ctx, item.Key)
	if err == nil && g.left(f) {
		err = g.blobs.RemoveFile(ctx, item.Key)
	}
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return g.sweeping(ctx, store.ItemWrite{Item: item, Delete: true, IfVersion: item.Version})
}

func (g *Gate) sweeping(ctx context.Context, w store.ItemWrite) error {
	l := g.As(trust.System("contents"), "gate").leaf(ledger.Keep, "")
	l.Query = "remove a content that nothing names"
	_, err := g.lean.Commit(ctx, store.Changeset{Leaf: l, Items: []store.ItemWrite{w}})
	return err
}

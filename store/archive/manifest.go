package archive

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/osler-emr/osler/base/bucket"
	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/store"
)

const (
	formatName    = "osler-backup"
	formatVersion = 2           // in version 1, nothing is sealed with keys of patients
	contentsAt    = "contents/" // prefix of the contents of attachments
	segmentEnd    = ".age"
	manifestEnd   = ".json"
	maxManifest   = 1 << 20
)

// Manifest says what a segment is. It is readable by everybody who can read the place.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	Set     string `json:"set"`
	Number  int    `json:"number"`
	// The segment holds the commits after From, up to To.
	From store.T `json:"from"`
	To   store.T `json:"to"`
	// First and Last are the times of its first and last commit, Made that of the backup.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Made  time.Time `json:"made"`
	// Origin is the name of the audit log; Before and Head are its signed heads at From and To.
	// Before is "" in the first segment of a set.
	Origin string `json:"origin"`
	Before string `json:"before,omitempty"`
	Head   string `json:"head"`
	// Lock names the recipients, or says that there is a passphrase.
	Lock     []string `json:"lock"`
	Versions int64    `json:"versions"`
	Items    int64    `json:"items"`
	// Lost names the contents of attachments that the record named and did not have.
	Lost []string `json:"lost,omitempty"`

	// Segment, Size and SHA256 are those of the encrypted object.
	Segment string `json:"segment"`
	Size    int64  `json:"size,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	// Sum is the SHA-256 of the manifest without it.
	Sum string `json:"sum,omitempty"`
}

// object returns the name of the manifest.
func (m Manifest) object() string { return strings.TrimSuffix(m.Segment, segmentEnd) + manifestEnd }

// inside returns what the end of the segment repeats of it.
func (m Manifest) inside() Manifest {
	m.Size, m.SHA256, m.Sum = 0, "", ""
	return m
}

// summed returns the manifest with its checksum, so that a damage is seen where it is.
func (m Manifest) summed() Manifest {
	m.Sum = ""
	sum := sha256.Sum256(m.encode())
	m.Sum = hex.EncodeToString(sum[:])
	return m
}

// encode returns the one form of a manifest.
func (m Manifest) encode() []byte {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil { // no field can fail
		return nil
	}
	return append(b, '\n')
}

// parseManifest reads what encode wrote, and nothing else.
func parseManifest(text []byte, object string) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil || m.Format != formatName {
		return m, fault.New(fault.Invalid, "%s is damaged, or no manifest of a backup.", object)
	}
	if m.Version < 1 || m.Version > formatVersion {
		return m, fault.New(fault.Invalid, "%s has the version %d of the format; this program knows versions up to %d. Use a newer program.", object, m.Version, formatVersion)
	}
	if !bytes.Equal(m.summed().encode(), text) || m.object() != object || m.From < 0 || m.To <= m.From {
		return m, fault.New(fault.Invalid, "%s is damaged: it is not as it was written.", object)
	}
	return m, nil
}

// set is what lies in the place of one set.
type set struct {
	name      string
	manifests []Manifest // by To, then Number
	alone     []string   // segments without a manifest: half written, or the manifest is lost
	damage    error      // of a manifest that cannot be read; it is nobody's who uses another set
}

// readSets reads all sets of a place, oldest first.
func readSets(ctx context.Context, place bucket.Bucket) ([]*set, error) {
	sets := map[string]*set{}
	segments := map[string]bool{}
	var manifests []string
	for e, err := range place.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		name, file, ok := strings.Cut(e.Name, "/")
		if !ok || strings.HasPrefix(e.Name, contentsAt) || strings.HasPrefix(e.Name, keysAt) || strings.Contains(file, "/") {
			continue
		}
		switch {
		case strings.HasSuffix(file, segmentEnd):
			segments[e.Name] = true
		case strings.HasSuffix(file, manifestEnd):
			manifests = append(manifests, e.Name)
		default:
			continue
		}
		if sets[name] == nil {
			sets[name] = &set{name: name}
		}
	}
	for _, object := range manifests {
		text, err := readAll(ctx, place, object, maxManifest)
		if err != nil && !fault.Is(err, fault.Invalid) {
			return nil, err
		}
		name, _, _ := strings.Cut(object, "/")
		m, err := parseManifest(text, object)
		if err != nil {
			sets[name].damage = err
			continue
		}
		delete(segments, m.Segment)
		sets[name].manifests = append(sets[name].manifests, m)
	}
	for segment := range segments {
		name, _, _ := strings.Cut(segment, "/")
		sets[name].alone = append(sets[name].alone, segment)
	}
	out := slices.SortedFunc(maps.Values(sets), func(a, b *set) int { return strings.Compare(a.name, b.name) })
	for _, s := range out {
		slices.Sort(s.alone)
		slices.SortFunc(s.manifests, func(a, b Manifest) int {
			return cmp.Or(cmp.Compare(a.To, b.To), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Segment, b.Segment))
		})
	}
	return out, nil
}

// newest returns the last segment of a set.
func (s *set) newest() (Manifest, bool) {
	if len(s.manifests) == 0 {
		return Manifest{}, false
	}
	return s.manifests[len(s.manifests)-1], true
}

// unfinished returns a segment behind the last manifest.
func (s *set) unfinished() string {
	m, _ := s.newest()
	for _, object := range s.alone {
		if object > fmt.Sprintf("%s/%06d~", s.name, m.Number) { // "~" is behind the dash and the mark
			return object
		}
	}
	return ""
}

// chain returns the segments that lead from nothing to the end of last.
func (s *set) chain(last Manifest) ([]Manifest, error) {
	list := []Manifest{last}
	for first := last; first.From > 0; first = list[len(list)-1] {
		i := slices.IndexFunc(s.manifests, func(m Manifest) bool { return m.To == first.From && m.Head == first.Before })
		if i < 0 {
			lost := "A segment"
			if len(s.alone) > 0 {
				lost = "The manifest of " + strings.Join(s.alone, " or ")
			}
			return nil, fault.New(fault.Invalid, "%s is missing in front of %s: that of a backup that ends with commit %d. The set cannot be restored beyond what comes before it.", lost, first.Segment, first.From)
		}
		list = append(list, s.manifests[i])
	}
	slices.Reverse(list)
	return list, nil
}

// readAll reads a small object.
func readAll(ctx context.Context, place bucket.Bucket, object string, limit int64) ([]byte, error) {
	f, err := place.Open(ctx, object)
	if err != nil {
		return nil, unreadable(err, object)
	}
	defer f.Close()
	if f.Size() > limit {
		return nil, fault.New(fault.Invalid, "%s is damaged: it is too large.", object)
	}
	b := make([]byte, f.Size())
	if n, err := f.ReadAt(b, 0); n < len(b) {
		return nil, unreadable(err, object)
	}
	return b, nil
}

func unreadable(err error, object string) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return fault.Wrap(err, fault.NotFound, "%s is missing.", object)
	case fault.Is(err, fault.Unavailable): // the place says why
		return err
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return fault.Wrap(err, fault.Unavailable, "%s cannot be read.", object)
}

// There reports whether a place has a finished backup.
func There(ctx context.Context, place bucket.Bucket, m Manifest) (bool, error) {
	for e, err := range place.List(ctx, m.object()) {
		if err != nil {
			return false, err
		}
		if e.Name == m.object() {
			return true, nil
		}
	}
	return false, nil
}

// Size returns how many bytes the newest set of a place has, without the contents of attachments.
func Size(ctx context.Context, place bucket.Bucket) (size int64, err error) {
	sets, err := readSets(ctx, place)
	if err != nil || len(sets) == 0 {
		return 0, err
	}
	for _, m := range sets[len(sets)-1].manifests {
		size += m.Size
	}
	return size, nil
}

// Began returns when the newest set of a place was begun; the zero time when there is none.
func Began(ctx context.Context, place bucket.Bucket) (time.Time, error) {
	sets, err := readSets(ctx, place)
	if err != nil || len(sets) == 0 || len(sets[len(sets)-1].manifests) == 0 {
		return time.Time{}, err
	}
	return sets[len(sets)-1].manifests[0].Made, nil
}

package identity

import (
	"bytes"
	"crypto/sha1" // as the published list of breached passwords is made; it protects nothing here
	"encoding/hex"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/osler-emr/osler/base/fault"
)

// Breached is a list of passwords that were found in breaches, as Have I Been Pwned publishes it
// ("Pwned Passwords", SHA-1, ordered by hash): a line a password, its SHA-1 in capital hexadecimal
// digits, a colon and a number. The operator fetches it and names the file; no password and no part
// of its hash leaves the machine. It is searched where it lies: 40 GB cost a dozen reads.
//
// It is safe for concurrent use.
type Breached struct {
	file io.ReaderAt
	size int64
}

// breachedBlock is what is read at once; a line is far shorter.
const breachedBlock = 4096

var breachedLine = regexp.MustCompile(`^[0-9A-F]{40}(:\d{1,12})?$`)

// OpenBreached opens a list, and returns a fault that says what is wrong with it.
func OpenBreached(path string) (*Breached, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The list of breached passwords cannot be read.")
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	b := &Breached{f, info.Size()}
	if err := b.check(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return b, nil
}

// Avoid lets nobody choose a password of a list. Call it before the server answers.
func (a *Accounts) Avoid(b *Breached) { a.stolen = b }

// check looks at a hundred places of the list: an unordered one would find nothing.
func (b *Breached) check() error {
	last := ""
	for i := range int64(100) {
		line, _, err := b.after(b.size / 100 * i)
		if err != nil {
			return err
		}
		if line == "" && i > 0 { // a short list: nothing begins behind here
			break
		}
		if !breachedLine.MatchString(line) || line < last {
			return fault.New(fault.Invalid, "The list of breached passwords is not as Have I Been Pwned publishes it: SHA-1, ordered by hash, one a line.")
		}
		last = line
	}
	return nil
}

// after returns the first line that begins at or behind a place, and where the next one begins; "" at
// the end of the list.
func (b *Breached) after(at int64) (string, int64, error) {
	from := max(at-1, 0) // the byte before tells whether a line begins here
	block := make([]byte, min(breachedBlock, b.size-from))
	if _, err := b.file.ReadAt(block, from); err != nil && err != io.EOF {
		return "", 0, fault.Wrap(err, fault.Unavailable, "The list of breached passwords cannot be read. Tell an administrator.")
	}
	if at > 0 {
		skip := bytes.IndexByte(block, '\n') + 1
		if skip == 0 {
			return "", b.size, nil
		}
		block, from = block[skip:], from+int64(skip)
	}
	end := bytes.IndexByte(block, '\n')
	next := from + int64(end) + 1
	if end < 0 {
		end, next = len(block), b.size
	}
	return strings.TrimRight(string(block[:end]), "\r"), next, nil
}

// Has reports whether a password is in the list.
func (b *Breached) Has(password string) (bool, error) {
	sum := sha1.Sum([]byte(password))
	want := strings.ToUpper(hex.EncodeToString(sum[:]))
	low, high := int64(0), b.size // a line with the hash begins in [low, high)
	for low < high {
		middle := low + (high-low)/2
		line, next, err := b.after(middle)
		if err != nil {
			return false, err
		}
		hash, _, _ := strings.Cut(line, ":")
		switch {
		case hash == want:
			return true, nil
		case hash == "" || hash > want:
			high = middle
		default:
			low = next
		}
	}
	return false, nil
}

package web

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"time"

	"github.com/osler-emr/osler/base/fault"
	"github.com/osler-emr/osler/base/lang"
)

// Limits of the fields beside a file.
const (
	maxFields = 100
	maxField  = 64 << 10
)

// MaxUpload is the most that a form with a file can have, whatever the site takes in.
const MaxUpload = 2<<30 + 1<<20

// FileLimit is the largest file that a site takes in, in bytes.
func (s *Site) FileLimit() int64 { return cmp.Or(s.MaxContent, 1<<30) }

// Upload is a form with a file, which is the last of its fields. The file is not kept by the
// site: whoever handles the form reads it, once, as it comes.
type Upload struct {
	Fields url.Values
	File   io.Reader // nil when none was chosen
}

// Get returns a field, "" when it is missing.
func (u Upload) Get(name string) string { return u.Fields.Get(name) }

// Upload reads the fields of a form with a file, up to the file. Only routes that were declared
// with Mux.Stream have such forms.
func (r *Request) Upload() (Upload, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return Upload{}, fault.New(fault.Malformed, "This form sends a file, and none came. Go back, and send it again.")
	}
	u := Upload{Fields: url.Values{}}
	for range maxFields {
		p, err := parts.NextPart()
		if err == io.EOF {
			return u, nil
		}
		if err != nil {
			return Upload{}, cut(err)
		}
		if _, isFile := p.Header["Content-Type"]; isFile {
			if p.FileName() != "" {
				u.File = uploaded{p}
			}
			return u, nil
		}
		text, err := io.ReadAll(io.LimitReader(p, maxField+1))
		if err != nil {
			return Upload{}, cut(err)
		}
		if len(text) > maxField {
			return Upload{}, fault.New(fault.TooLarge, "A field of the form is larger than %d bytes.", maxField)
		}
		u.Fields.Add(p.FormName(), clean(string(text)))
	}
	return Upload{}, fault.New(fault.Malformed, "The form has too many fields.")
}

// uploaded tells a file that was cut off from one that ends.
type uploaded struct{ part *multipart.Part }

func (f uploaded) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && err != io.EOF {
		err = cut(err)
	}
	return n, err
}

// cut is the fault of a form that did not come whole; one that is too large stays that.
func cut(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return large
	}
	return fault.Wrap(err, fault.Malformed, "The file did not arrive whole, and nothing was saved. Send it again.")
}

// maxDropped is how much is read of a file that is not wanted.
const maxDropped = 64 << 20

// Drop reads a file that is not wanted. A browser shows the answer, which says why, only when it
// has sent everything.
func (u Upload) Drop() {
	if u.File != nil {
		_, _ = io.CopyN(io.Discard, u.File, maxDropped)
	}
}

// SendFile gives a file out, as a stream and in the parts that are asked for. A browser saves
// it: whatever it is, it is never a page of this site.
func SendFile(w http.ResponseWriter, r *Request, name, contentType string, content io.ReadSeeker) error {
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		contentType = "application/octet-stream"
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": lang.Unhidden(name)}))
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'; frame-ancestors 'none'")
	http.ServeContent(w, r.Request, "", time.Time{}, content)
	if r.Context().Err() != nil { // broken off: it must look broken
		panic(http.ErrAbortHandler)
	}
	return nil
}

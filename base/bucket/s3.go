package bucket

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/osler-emr/osler/base/fault"
)

// partSize is the size of the pieces in which a file is uploaded. S3 takes 10,000 pieces of
// at least 5 MiB, so that a file has 80 GiB at most.
const partSize = 8 << 20

// tries is how often a request is sent before its failure is told.
const tries = 4

// object is a bucket of an object store.
type object struct {
	signer
	base   url.URL // of the bucket, with the prefix, which is empty or ends with "/"
	name   string
	prefix string
	client *http.Client
	now    func() time.Time
	pause  time.Duration // before the second try; then twice that, and so on
}

func openS3(u *url.URL) (Bucket, error) {
	q := u.Query()
	for name := range q {
		if name != "endpoint" && name != "region" && name != "style" {
			return nil, fault.New(fault.Invalid, "The place in S3 has the unknown setting %s; there are endpoint, region and style. Credentials come from the environment.", name)
		}
	}
	if u.User != nil {
		return nil, fault.New(fault.Invalid, "The place in S3 must not name credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
	}
	o := &object{name: u.Host, now: time.Now, pause: 200 * time.Millisecond, client: &http.Client{Transport: transport()}}
	o.signer = signer{os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN"), q.Get("region")}
	if o.region == "" {
		o.region = "us-east-1"
	}
	if o.id == "" || o.secret == "" {
		return nil, fault.New(fault.Invalid, "The credentials of S3 are missing: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
	}
	endpoint, style := q.Get("endpoint"), q.Get("style")
	if endpoint == "" {
		endpoint = "https://s3." + o.region + ".amazonaws.com"
		if style == "" {
			style = "virtual"
		}
	}
	e, err := url.Parse(endpoint)
	if err != nil || e.Host == "" || e.Scheme != "https" && e.Scheme != "http" || u.Host == "" {
		return nil, fault.New(fault.Invalid, "A place in S3 is written as s3://bucket/prefix?endpoint=https://host&region=name.")
	}
	if e.Scheme == "http" && e.Hostname() != "localhost" && e.Hostname() != "127.0.0.1" && e.Hostname() != "::1" {
		return nil, fault.New(fault.Invalid, "The endpoint of S3 is asked by https only, except on this machine.")
	}
	o.base = url.URL{Scheme: e.Scheme, Host: e.Host, Path: "/"}
	switch style {
	case "virtual":
		o.base.Host = u.Host + "." + e.Host
	case "", "path":
		o.base.Path = "/" + u.Host + "/"
	default:
		return nil, fault.New(fault.Invalid, "The style of S3 addresses is path or virtual.")
	}
	if p := strings.Trim(u.Path, "/"); p != "" {
		if err := valid(p); err != nil {
			return nil, err
		}
		o.prefix = p + "/"
	}
	return o, nil
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = time.Minute
	t.DisableCompression = true
	return t
}

// answer is what S3 said to a request that succeeded; the body is to be closed.
type answer struct {
	*http.Response
}

// send sends a request for a key and repeats it when the network or S3 failed.
func (o *object) send(ctx context.Context, method, key string, query url.Values, header http.Header, body []byte) (answer, error) {
	u := o.base
	u.Path += key
	u.RawPath = escapePath(u.Path)
	u.RawQuery = canonicalQuery(query)
	sum := sha256.Sum256(body)
	var last error
	for try := range tries {
		if try > 0 {
			select {
			case <-ctx.Done():
				return answer{}, ctx.Err()
			case <-time.After(o.pause << (try - 1)):
			}
		}
		r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
		if err != nil {
			return answer{}, err
		}
		for name, values := range header {
			r.Header[name] = values
		}
		o.sign(r, hex.EncodeToString(sum[:]), o.now())
		res, err := o.client.Do(r)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				err = res.Body.Close()
			}
			return answer{}, errors.Join(ctx.Err(), err)
		case err != nil:
			last = fault.Wrap(err, fault.Unavailable, "The object store cannot be reached.")
		case res.StatusCode < 300:
			return answer{res}, nil
		default:
			last = refusal(res)
			if res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests {
				return answer{}, last
			}
		}
	}
	return answer{}, last
}

// refusal makes a fault of an answer that is none, and closes it.
func refusal(res *http.Response) error {
	var e struct{ Code string }
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10)) // it is only told more exactly with it
	_ = res.Body.Close()
	_ = xml.Unmarshal(body, &e)
	code := fault.Unavailable
	if res.StatusCode == http.StatusNotFound && e.Code != "NoSuchBucket" { // not a file is missing, but the place
		code = fault.NotFound
	}
	return fault.New(code, "The object store answered %d %s.", res.StatusCode, word(e.Code))
}

// word keeps what looks like the name of an error.
func word(s string) string {
	if len(s) > 60 || strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }) >= 0 {
		return ""
	}
	return s
}

// run sends a request whose answer is of no further interest.
func (o *object) run(ctx context.Context, method, key string, query url.Values, header http.Header, body []byte) (http.Header, error) {
	a, err := o.send(ctx, method, key, query, header, body)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, a.Body)
	return a.Header, errors.Join(err, a.Body.Close())
}

// read sends a request and reads the XML that answers.
func (o *object) read(ctx context.Context, method, key string, query url.Values, body []byte, into any) error {
	a, err := o.send(ctx, method, key, query, nil, body)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, 16<<20))
	if err = errors.Join(err, a.Body.Close()); err == nil {
		err = xml.Unmarshal(text, into)
	}
	if err != nil {
		return fault.Wrap(err, fault.Unavailable, "The answer of the object store could not be read.")
	}
	return nil
}

func (o *object) Put(ctx context.Context, name string, r io.Reader) error {
	if err := valid(name); err != nil {
		return err
	}
	key, in := o.prefix+name, &remember{Reader: Until(ctx, r)}
	buf := make([]byte, partSize)
	n, err := io.ReadFull(in, buf)
	switch {
	case in.err != nil: // also when the source was cut off, which is no end
		return in.err
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		_, err = o.run(ctx, http.MethodPut, key, nil, nil, buf[:n])
		return err
	case err != nil:
		return err
	}
	return o.putParts(ctx, key, buf, in)
}

// Draft writes to a file of this machine, which is uploaded when it has its name.
func (o *object) Draft(context.Context) (Draft, error) {
	tmp, err := os.CreateTemp("", "osler-upload-")
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "No file can be written to the folder for temporary files.")
	}
	return &local{tmp, o}, nil
}

type local struct {
	*os.File
	bucket *object
}

func (l *local) Keep(ctx context.Context, name string) error {
	if _, err := l.Seek(0, io.SeekStart); err != nil {
		return fault.Wrap(err, fault.Unavailable, "The file for the upload could not be read.")
	}
	return l.bucket.Put(ctx, name, l.File)
}

func (l *local) Drop() {
	_ = l.Close() // it is only for the way
	_ = os.Remove(l.Name())
}

// part is a piece of an upload.
type part struct {
	PartNumber int
	ETag       string
}

// putParts uploads a file in pieces; buf is full of the first. What fails is taken back.
func (o *object) putParts(ctx context.Context, key string, buf []byte, in *remember) (err error) {
	var upload struct{ UploadId string }
	if err := o.read(ctx, http.MethodPost, key, url.Values{"uploads": {""}}, nil, &upload); err != nil {
		return err
	}
	id := url.Values{"uploadId": {upload.UploadId}}
	defer func() {
		if err != nil {
			ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer stop()
			_, _ = o.run(ctx, http.MethodDelete, key, id, nil, nil) // the store removes old pieces, too
		}
	}()
	var parts []part
	for n := len(buf); n > 0; {
		number := len(parts) + 1
		q := url.Values{"uploadId": id["uploadId"], "partNumber": {strconv.Itoa(number)}}
		h, err := o.run(ctx, http.MethodPut, key, q, nil, buf[:n])
		if err != nil {
			return err
		}
		parts = append(parts, part{number, h.Get("ETag")})
		n, err = io.ReadFull(in, buf)
		switch {
		case in.err != nil:
			return in.err
		case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
			return err
		}
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
		Part    []part
	}{Part: parts})
	if err != nil {
		return err
	}
	var done struct {
		XMLName xml.Name
		ETag    string
		Code    string
	}
	if err := o.read(ctx, http.MethodPost, key, id, body, &done); err != nil {
		return err
	}
	if done.XMLName.Local == "Error" || done.ETag == "" { // S3 may say so after a 200
		return fault.New(fault.Unavailable, "The object store did not put the pieces together: %s.", word(done.Code))
	}
	return nil
}

func (o *object) Open(ctx context.Context, name string) (File, error) {
	if err := valid(name); err != nil {
		return nil, err
	}
	h, err := o.run(ctx, http.MethodHead, o.prefix+name, nil, nil, nil)
	if fault.Is(err, fault.NotFound) {
		return nil, missing(name)
	}
	if err != nil {
		return nil, err
	}
	size, err := strconv.ParseInt(h.Get("Content-Length"), 10, 64)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "The object store did not tell the size of the file %s.", name)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx)) // the file may be read for longer
	return &remote{bucket: o, key: o.prefix + name, etag: h.Get("ETag"), size: size, ctx: ctx, stop: stop}, nil
}

// remote is a file in S3. Reading on where the last reading ended costs no new request.
type remote struct {
	bucket *object
	key    string
	etag   string
	size   int64
	ctx    context.Context
	stop   context.CancelFunc

	mu   sync.Mutex
	body io.ReadCloser
	at   int64
}

func (f *remote) Size() int64 { return f.size }

func (f *remote) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fault.New(fault.Internal, "A file is read from its beginning.")
	}
	if off >= f.size {
		return 0, io.EOF
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.body == nil || f.at != off {
		if err := f.seek(off); err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(f.body, p[:min(int64(len(p)), f.size-off)])
	f.at += int64(n)
	switch {
	case err != nil: // the stream broke; the next reading asks anew
		f.drop()
		return n, fault.Wrap(err, fault.Unavailable, "The object store stopped in the middle of a file.")
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

func (f *remote) seek(off int64) error {
	f.drop()
	h := http.Header{"Range": {fmt.Sprintf("bytes=%d-", off)}}
	if f.etag != "" {
		h["If-Match"] = []string{f.etag}
	}
	a, err := f.bucket.send(f.ctx, http.MethodGet, f.key, nil, h, nil)
	if err != nil {
		return err
	}
	if a.StatusCode != http.StatusPartialContent && off > 0 {
		return errors.Join(fault.New(fault.Unavailable, "The object store does not give parts of files."), a.Body.Close())
	}
	f.body, f.at = a.Body, off
	return nil
}

func (f *remote) drop() {
	if f.body != nil {
		_ = f.body.Close() // it was only read
		f.body = nil
	}
}

func (f *remote) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
	f.stop()
	return nil
}

func (o *object) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		q := url.Values{"list-type": {"2"}, "prefix": {o.prefix + prefix}}
		for {
			var page struct {
				Contents []struct {
					Key          string
					Size         int64
					LastModified time.Time
				}
				IsTruncated           bool
				NextContinuationToken string
			}
			if err := o.read(ctx, http.MethodGet, "", q, nil, &page); err != nil {
				yield(Entry{}, err)
				return
			}
			for _, c := range page.Contents {
				if !yield(Entry{strings.TrimPrefix(c.Key, o.prefix), c.Size, c.LastModified}, nil) {
					return
				}
			}
			if !page.IsTruncated || page.NextContinuationToken == "" {
				return
			}
			q.Set("continuation-token", page.NextContinuationToken)
		}
	}
}

func (o *object) Delete(ctx context.Context, name string) error {
	if err := valid(name); err != nil {
		return err
	}
	_, err := o.run(ctx, http.MethodDelete, o.prefix+name, nil, nil, nil)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Touch copies the object onto itself, which S3 takes when its metadata is given anew.
func (o *object) Touch(ctx context.Context, name string) error {
	if err := valid(name); err != nil {
		return err
	}
	key := o.prefix + name
	source := escapePath(path.Join("/", o.name, key))
	var done struct {
		XMLName xml.Name
		Code    string
	}
	a, err := o.send(ctx, http.MethodPut, key, nil, http.Header{"X-Amz-Copy-Source": {source}, "X-Amz-Metadata-Directive": {"REPLACE"}}, nil)
	if fault.Is(err, fault.NotFound) {
		return missing(name)
	}
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, 64<<10))
	if err = errors.Join(err, a.Body.Close()); err == nil {
		err = xml.Unmarshal(text, &done)
	}
	if err != nil || done.XMLName.Local == "Error" {
		return fault.Wrap(err, fault.Unavailable, "The object store did not copy the file %s: %s.", name, word(done.Code))
	}
	return nil
}

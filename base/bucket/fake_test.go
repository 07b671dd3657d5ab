package bucket

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is an object store that keeps objects in memory and lets nobody in whose signature
// is not right.
type fake struct {
	t      testing.TB
	signer signer
	mu     sync.Mutex
	files  map[string]stored
	parts  map[string]map[int][]byte
	// fail is asked before a request is answered; a status other than 0 is the answer.
	fail  func(r *http.Request) int
	calls []string
}

type stored struct {
	body []byte
	at   time.Time
}

func startFake(t testing.TB) (*fake, Bucket) {
	f := &fake{t: t, signer: signer{id: "AKID", secret: "key", region: "eu-1"}, files: map[string]stored{}, parts: map[string]map[int][]byte{}}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKID")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "key")
	t.Setenv("AWS_SESSION_TOKEN", "")
	b, err := Open("s3://clinic/deep/er?region=eu-1&endpoint=" + url.QueryEscape(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	b.(*object).pause = time.Millisecond
	return f, b
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key, q := strings.TrimPrefix(r.URL.Path, "/clinic/"), r.URL.Query()
	f.calls = append(f.calls, r.Method+" "+r.URL.RequestURI())
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}
	}
	if f.fail != nil {
		if status := f.fail(r); status != 0 {
			refuse(status, "SlowDown")
			return
		}
	}
	if !f.signed(r, body) {
		refuse(http.StatusForbidden, "SignatureDoesNotMatch")
		return
	}
	answer := func(v any) {
		if err := xml.NewEncoder(w).Encode(v); err != nil {
			f.t.Error(err)
		}
	}
	file, ok := f.files[key]
	switch {
	case r.Method == http.MethodGet && key == "":
		f.list(q, answer)
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := strconv.Itoa(len(f.parts) + 1)
		f.parts[id] = map[int][]byte{}
		answer(struct {
			XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
			UploadId string
		}{UploadId: id})
	case r.Method == http.MethodPut && q.Has("partNumber"):
		n, err := strconv.Atoi(q.Get("partNumber"))
		if err != nil || f.parts[q.Get("uploadId")] == nil {
			refuse(http.StatusNotFound, "NoSuchUpload")
			return
		}
		f.parts[q.Get("uploadId")][n] = body
		w.Header().Set("ETag", tag(body))
	case r.Method == http.MethodPost:
		var list struct{ Part []part }
		if err := xml.Unmarshal(body, &list); err != nil {
			f.t.Error(err)
		}
		var whole []byte
		for i, p := range list.Part {
			piece := f.parts[q.Get("uploadId")][p.PartNumber]
			if p.ETag != tag(piece) || i < len(list.Part)-1 && len(piece) < 5<<20 {
				answer(struct {
					XMLName xml.Name `xml:"Error"`
					Code    string
				}{Code: "InvalidPart"})
				return
			}
			whole = append(whole, piece...)
		}
		delete(f.parts, q.Get("uploadId"))
		f.files[key] = stored{whole, time.Now()}
		answer(struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			ETag    string
		}{ETag: tag(whole)})
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		delete(f.parts, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		delete(f.files, key)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut && r.Header.Get("X-Amz-Copy-Source") != "":
		source, err := url.PathUnescape(r.Header.Get("X-Amz-Copy-Source"))
		if file, ok = f.files[strings.TrimPrefix(source, "/clinic/")]; err != nil || !ok {
			refuse(http.StatusNotFound, "NoSuchKey")
			return
		}
		f.files[key] = stored{file.body, time.Now()}
		answer(struct {
			XMLName xml.Name `xml:"CopyObjectResult"`
			ETag    string
		}{ETag: tag(file.body)})
	case r.Method == http.MethodPut:
		f.files[key] = stored{body, time.Now()}
	case !ok:
		refuse(http.StatusNotFound, "NoSuchKey")
	default:
		w.Header().Set("ETag", tag(file.body))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.body))
	}
}

// signed checks a request as the server does: what was sent, signed again, is the same.
func (f *fake) signed(r *http.Request, body []byte) bool {
	sum := sha256.Sum256(body)
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil || r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		return false
	}
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	again := &http.Request{Method: r.Method, URL: &url.URL{Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}, Header: http.Header{}}
	for name := range strings.SplitSeq(names, ";") {
		if name != "host" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	f.signer.sign(again, hex.EncodeToString(sum[:]), at)
	return again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// list answers with three objects a page.
func (f *fake) list(q url.Values, answer func(any)) {
	type object struct {
		Key          string
		Size         int
		LastModified string
	}
	var keys []string
	for k := range f.files {
		if strings.HasPrefix(k, q.Get("prefix")) && k > q.Get("continuation-token") {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	page := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Contents              []object
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
	}{IsTruncated: len(keys) > 3}
	for _, k := range keys[:min(3, len(keys))] {
		page.Contents = append(page.Contents, object{k, len(f.files[k].body), f.files[k].at.UTC().Format(time.RFC3339Nano)})
		page.NextContinuationToken = k
	}
	answer(page)
}

func tag(b []byte) string {
	sum := md5.Sum(b)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

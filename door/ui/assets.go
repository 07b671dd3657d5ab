package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed asset
var assetFiles embed.FS

// AssetPrefix is the path under which Assets serves.
const AssetPrefix = "/asset/"

type asset struct {
	body, zipped []byte
	kind         string
}

type assetTable struct {
	urls   map[string]string // "base.css" -> "/asset/base.0123456789ab.css"
	byPath map[string]asset
}

// assets reads the embedded files once; the result is never changed.
var assets = sync.OnceValue(func() assetTable {
	t := assetTable{map[string]string{}, map[string]asset{}}
	_ = fs.WalkDir(assetFiles, "asset", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := assetFiles.ReadFile(p)
		if err != nil {
			return err
		}
		t.add(strings.TrimPrefix(p, "asset/"), body)
		return nil
	})
	// Style sheets name fonts; they are hashed after the fonts have their URLs.
	for name := range t.urls {
		if path.Ext(name) != ".css" {
			continue
		}
		a := t.byPath[t.urls[name]]
		delete(t.byPath, t.urls[name])
		text := string(a.body)
		for font, url := range t.urls {
			if path.Ext(font) == ".woff2" {
				text = strings.ReplaceAll(text, "url("+font+")", "url("+url+")")
			}
		}
		t.add(name, []byte(tight(text)))
	}
	return t
})

// tight takes the indentation and line ends out of a style sheet whose lines end where a
// rule or a declaration does; other lines keep their end.
func tight(css string) string {
	var b strings.Builder
	for line := range strings.Lines(css) {
		line = strings.TrimSpace(line)
		line = strings.ReplaceAll(strings.ReplaceAll(line, "; ", ";"), " {", "{")
		b.WriteString(line)
		if !strings.HasSuffix(line, "{") && !strings.HasSuffix(line, "}") && !strings.HasSuffix(line, ";") && !strings.HasSuffix(line, "*/") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (t *assetTable) add(name string, body []byte) {
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	url := AssetPrefix + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	a := asset{body: body, kind: kinds(ext)}
	if ext != ".woff2" {
		a.zipped = zip(body)
	}
	t.urls[name], t.byPath[url] = url, a
}

func kinds(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	}
	return "text/plain; charset=utf-8"
}

func zip(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = w.Write(body)
	_ = w.Close()
	return b.Bytes()
}

// AssetURL returns the URL of an embedded file. The URL holds a hash of the content, so
// that browsers keep it for a year; an unknown name gives a URL that is not found.
func AssetURL(name string) string {
	if u, ok := assets().urls[name]; ok {
		return u
	}
	return AssetPrefix + name
}

// SpriteURL returns the URL of the icon sprite.
func SpriteURL() string { return AssetURL("icons.svg") }

// Assets serves the embedded files. They hold no patient data.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := assets().byPath[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		body := a.body
		if a.zipped != nil {
			h.Set("Vary", "Accept-Encoding")
			if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				h.Set("Content-Encoding", "gzip")
				body = a.zipped
			}
		}
		_, _ = w.Write(body)
	})
}

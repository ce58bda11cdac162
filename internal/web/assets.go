package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
)

// asset is a file that pages load. Its address carries a hash of its text, so a
// browser may keep it for good and still has the new one after an update.
type asset struct {
	version, kind  string
	plain, gzipped []byte
}

func readAssets(files fs.FS) (map[string]*asset, error) {
	kinds := map[string]string{
		"app.css":     "text/css; charset=utf-8",
		"app.js":      "text/javascript; charset=utf-8",
		"favicon.svg": "image/svg+xml",
	}
	all := map[string]*asset{}
	for name, kind := range kinds {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read the assets: %w", err)
		}
		sum := sha256.Sum256(text)
		a := &asset{version: hex.EncodeToString(sum[:6]), kind: kind, plain: text}
		var small bytes.Buffer
		z, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
		if err != nil {
			return nil, err
		}
		if _, err := z.Write(text); err != nil {
			return nil, err
		}
		if err := z.Close(); err != nil {
			return nil, err
		}
		a.gzipped = small.Bytes()
		all[name] = a
	}
	return all, nil
}

func (w *Web) assetAddress(name string) (string, error) {
	a, ok := w.assets[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/assets/" + name + "?v=" + a.version, nil
}

func (w *Web) serveAsset(rw http.ResponseWriter, r *http.Request) {
	a, ok := w.assets[r.PathValue("name")]
	if !ok {
		w.NotFound().ServeHTTP(rw, r)
		return
	}
	a.serve(rw, r)
}

func (w *Web) serveIcon(rw http.ResponseWriter, r *http.Request) {
	w.assets["favicon.svg"].serve(rw, r)
}

func (a *asset) serve(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", `"`+a.version+`"`)
	h.Set("Cache-Control", "public, max-age=3600")
	if r.URL.Query().Get("v") == a.version {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if r.Header.Get("If-None-Match") == `"`+a.version+`"` {
		rw.WriteHeader(http.StatusNotModified)
		return
	}
	text := a.plain
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		text = a.gzipped
	}
	_, _ = rw.Write(text)
}

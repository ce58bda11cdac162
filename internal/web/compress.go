package web

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// Compressed, the length of a page says how much of it repeats. Whoever can make a
// browser open a page of ours with a text of their choice in it, and see the length
// of the answer on the wire, guesses a secret of the same page piece by piece
// (BREACH). So no page that shows a secret is compressed, the token of the forms is
// another text in every answer (form.go), somebody's own pages are compressed only
// where they or a page of ours asked for them, and the length is blurred.
// docs/decisions/0010-compressed-pages.md weighs this.

// compressors are reused: one takes most of a megabyte.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.DefaultCompression) // a level that there is
	return z
}}

// blur is up to how many random bytes stand in front of a compressed page, where
// gzip has room for the name of a file. Hundreds of tries then give one length.
const blur = 32

// compress returns a page as gzip. The name is before the compressed text and not
// in it: what is compressed there could not be guessed at, and would cost as much.
func compress(page []byte) ([]byte, error) {
	random := make([]byte, 1+blur/2)
	_, _ = rand.Read(random) // never fails
	var small bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&small)
	z.Name = hex.EncodeToString(random[1:])[:int(random[0])%(blur+1)]
	if _, err := z.Write(page); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return small.Bytes(), nil
}

// mayCompress says whether this answer may be compressed: never with a secret on
// it, and nobody's own pages for a request that another site began.
func (v *visit) mayCompress() bool {
	switch {
	case v.secret || !takesGzip(v.r):
		return false
	case v.isNobodys():
		return true
	}
	// A browser that does not say (old, or on plain http, where there is nothing to
	// guess) gets the page as it is.
	from := v.r.Header.Get("Sec-Fetch-Site")
	return from == "same-origin" || from == "none"
}

// isNobodys: the browser holds nothing that this page could be about.
func (v *visit) isNobodys() bool {
	for _, kind := range []string{attemptCookie, formCookie, requestCookie, noticeCookie} {
		if v.web.cookies.get(v.r, kind) != "" {
			return false
		}
	}
	return v.token == ""
}

// takesGzip reads Accept-Encoding as RFC 9110, §12.5.3 has it: "gzip;q=0" is a no.
func takesGzip(r *http.Request) bool {
	takes := false
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, q, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(part, " ", "")), ";")
		weight, err := strconv.ParseFloat(strings.TrimPrefix(q, "q="), 64)
		wanted := q == "" || err == nil && weight > 0
		switch name {
		case "gzip", "x-gzip":
			return wanted // what is said of it by name counts, whatever is said of all
		case "*":
			takes = wanted
		}
	}
	return takes
}

// send answers with a whole page, compressed where it may be.
func (v *visit) send(status int, page []byte) {
	h := v.rw.Header()
	h.Add("Vary", "Accept-Encoding")
	if v.mayCompress() {
		if small, err := compress(page); err == nil {
			h.Set("Content-Encoding", "gzip")
			page = small
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(page)))
	v.rw.WriteHeader(status)
	_, _ = v.rw.Write(page) // the browser may have left
}

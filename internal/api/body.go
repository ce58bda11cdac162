package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"doorstep/internal/edge"
)

// bodyPatience is how long a caller may take to send a body: 64 KiB in ten
// seconds is slower than any phone, and a caller who sends a byte now and then
// must not hold a connection for ever.
const bodyPatience = 10 * time.Second

// deepest is how far values may nest in a body; ours do not nest at all.
const deepest = 16

// readBody reads the whole body, at most edge.BodyLimit of it, and refuses what
// two readers could understand differently, before huma reads it again. An
// operation that takes no body ignores one.
func readBody(w http.ResponseWriter, r *http.Request, takes *huma.RequestBody) error {
	body, err := readAll(w, r)
	if err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if takes == nil || len(body) == 0 {
		return nil // huma refuses an empty one where it is required
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return &edgeRefusal{code: codeMediaType, status: http.StatusUnsupportedMediaType}
	}
	r.Header.Set("Content-Type", "application/json")
	return checkJSON(body)
}

func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &edgeRefusal{code: codeTooLarge, status: http.StatusRequestEntityTooLarge}
	if r.ContentLength > edge.BodyLimit {
		return nil, tooLarge
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyPatience)) // not to be had in tests without a connection
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, edge.BodyLimit))
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return nil, tooLarge
	}
	if err != nil {
		return nil, badRequest()
	}
	// A deadline that passes while a verb works would cancel its context.
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

func badRequest() *edgeRefusal {
	return &edgeRefusal{code: codeBadRequest, status: http.StatusBadRequest}
}

// isJSON takes application/json, in UTF-8 where it says so, and no header at all.
func isJSON(contentType string) bool {
	if contentType == "" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	charset := params["charset"]
	return err == nil && media == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8"))
}

// checkJSON refuses (400) what encoding/json would read in a way that another
// reader would not: a key written twice, of which a proxy may have looked at the
// other one, text that is not UTF-8, half a surrogate pair, NUL (no database
// takes it), and values nested too deep. A key with another letter than ours have
// is an unknown field (422): encoding/json would take "PASSWORD" for "password".
func checkJSON(body []byte) error {
	if !utf8.Valid(body) || !json.Valid(body) || halfSurrogate(body) {
		return badRequest()
	}
	c := checker{tokens: json.NewDecoder(bytes.NewReader(body))}
	c.tokens.UseNumber()
	if err := c.value(0); err != nil {
		return badRequest()
	}
	if c.unknown {
		return invalidField(wholeBody)
	}
	return nil
}

type checker struct {
	tokens  *json.Decoder
	unknown bool
}

var errNotOurs = errors.New("JSON that is not taken")

func (c *checker) value(depth int) error {
	token, err := c.tokens.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case string:
		if strings.ContainsRune(t, 0) {
			return errNotOurs
		}
	case json.Delim:
		if depth == deepest {
			return errNotOurs
		}
		keys := map[string]bool{}
		for c.tokens.More() {
			if t == '{' {
				if err := c.key(keys, depth); err != nil {
					return err
				}
			}
			if err := c.value(depth + 1); err != nil {
				return err
			}
		}
		_, err = c.tokens.Token() // the closing one
	}
	return err
}

func (c *checker) key(seen map[string]bool, depth int) error {
	token, err := c.tokens.Token()
	key, _ := token.(string)
	if err != nil || seen[key] || strings.ContainsRune(key, 0) {
		return errNotOurs
	}
	seen[key] = true
	c.unknown = c.unknown || depth == 0 && !couldBeOurs(key)
	return nil
}

// couldBeOurs says whether a key consists of what names of fields are made of.
func couldBeOurs(key string) bool {
	return key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// halfSurrogate looks for \ud800 and the like without its other half, which
// encoding/json reads as U+FFFD: any two such passwords would be the same one.
// In valid JSON a backslash stands only in a string and begins an escape.
func halfSurrogate(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++
		if body[i] != 'u' {
			continue
		}
		switch hex := strings.ToLower(string(body[i+1 : i+3])); {
		case hex >= "dc" && hex <= "df":
			return true
		case hex >= "d8" && hex <= "db":
			rest := strings.ToLower(string(body[i+5 : min(i+9, len(body))]))
			if len(rest) < 4 || rest[:2] != `\u` || rest[2:4] < "dc" || rest[2:4] > "df" {
				return true
			}
			i += 6 // over the other half's escape
		}
		i += 4
	}
	return false
}

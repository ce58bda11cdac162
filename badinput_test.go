package doorstep_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

// What bad input gets: a refusal that says so, and never a fault of ours, a change,
// or an echo of what was sent.

// planted stands wherever somebody may paste a secret by mistake.
const planted = "planted-secret-3f9c2b"

// junkOf makes bodies that nobody means, from one that somebody means.
func junkOf(good string) map[string]string {
	junk := map[string]string{
		"half an object": `{"` + planted, "a list": `["` + planted + `"]`, "a text": `"` + planted + `"`, "a number": `5`, "true": `true`,
		"two objects": good + good, "something behind it": good + planted, "a comment": `/* ` + planted + ` */` + good, "a trailing comma": strings.TrimSuffix(good, "}") + `,}`,
		"XML": `<a>` + planted + `</a>`, "a form": "code=" + planted, "NUL": `{"` + "\x00" + `":1}`, "an escaped NUL": `{"x":"\u0000` + planted + `"}`,
		"bytes that are not UTF-8": "{\"x\":\"\xff\xfe" + planted + "\"}", "half a surrogate pair": `{"x":"\ud800` + planted + `"}`,
		"a byte order mark": "\ufeff" + good + planted, "deep nesting": strings.Repeat(`{"x":`, 5000) + `1` + strings.Repeat("}", 5000),
		"many lists": strings.Repeat("[", 60000), "an unknown field": `{"` + planted + `":1}`, "infinity": `{"x":1e999}`,
		"a prototype": `{"__proto__":{"x":"` + planted + `"}}`,
	}
	var fields map[string]any
	if json.Unmarshal([]byte(good), &fields) != nil {
		return junk
	}
	for name, value := range fields {
		junk[name+" in capitals"] = strings.Replace(good, name, strings.ToUpper(name), 1)
		text, _ := json.Marshal(value)
		junk[name+" twice"] = strings.TrimSuffix(good, "}") + `,"` + name + `":` + string(text) + `}`
		for what, wrong := range map[string]any{"a number": 5, "a list": []string{planted}, "an object": map[string]any{planted: 1}, "null": nil, "false": false, "left out": missing{}} {
			if _, yesOrNo := value.(bool); yesOrNo && what == "false" {
				continue // that is a value of it
			}
			changed := maps.Clone(fields)
			if changed[name] = wrong; what == "left out" {
				delete(changed, name)
			}
			if text, err := json.Marshal(changed); err == nil {
				junk[name+" "+what] = string(text)
			}
		}
	}
	return junk
}

type missing struct{}

// whoSends is somebody whose body would be read.
func whoSends(in map[string]*visitor, needs core.Need) *visitor {
	switch needs {
	case core.NeedActivation:
		return in[activation]
	case core.NeedOpen, core.NeedAttempt:
		return in[nobody]
	}
	return in[owner]
}

// ASVS 2.2.1, ASVS 2.2.2, ASVS 1.5.2
func TestBadBodies(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	before := a.Dump()
	n := 0
	for _, r := range a.Routes {
		s := samples[r.Method+" "+r.Path]
		if !isAPI(r) || !strings.HasPrefix(s.body, "{") || r.Path == "/api/v1/" {
			continue
		}
		n++
		by := whoSends(in, r.Needs)
		send := func(body io.Reader, header http.Header) *apptest.Answer {
			c := a.Client()
			c.Token = by.token
			h := http.Header{"Content-Type": {"application/json"}}
			maps.Copy(h, header)
			return c.Send(r.Method, by.address(a, r), body, h)
		}
		refused := func(what string, answer *apptest.Answer, statuses ...int) {
			t.Helper()
			fine := slices.Contains(statuses, answer.Status)
			if strings.HasSuffix(what, " left out") || strings.HasSuffix(what, " null") {
				fine = answer.Status < 500 // an optional one may be, and then the rest is understood
				a.Restore()
			}
			if !fine || answer.Header.Get("Content-Type") != "application/problem+json" && answer.Status >= 400 {
				t.Errorf("%s with %s: got %s, want %v", r, what, answer, statuses)
			}
			if bytes.Contains(answer.Body, []byte(planted)) {
				t.Errorf("%s with %s: the answer repeats what was sent: %s", r, what, answer)
			}
		}
		for what, body := range junkOf(s.body) {
			refused(what, send(strings.NewReader(body), nil), 400, 422)
		}
		large := strings.TrimSuffix(s.body, "}") + strings.Repeat(" ", edge.BodyLimit+1) + "}"
		refused("65,537 bytes and more", send(strings.NewReader(large), nil), 413)
		refused("as much, of which the length is not said", send(io.MultiReader(strings.NewReader(large)), nil), 413)
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/json; charset=latin1", "application/xml"} {
			refused(media, send(strings.NewReader(s.body), http.Header{"Content-Type": {media}}), 415)
		}
	}
	if n < 9 {
		t.Errorf("only %d operations take a body", n)
	}
	if after := a.Dump(); after != before {
		t.Errorf("something was changed: %s", difference(before, after))
	}
}

// TestBadForms sends to every form what no page of ours sends.
//
// ASVS 2.2.1, ASVS 2.2.2, ASVS 5.2.1, ASVS 15.3.7
func TestBadForms(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	before := a.Dump()
	for _, r := range a.Routes {
		if r.Method != http.MethodPost || isAPI(r) || r.Needs == core.NeedProxy { // nobody reads what is sent there
			continue
		}
		by := whoSends(in, r.Needs)
		if r.Needs == core.NeedAttempt {
			by = in[half]
		}
		own := "csrf=" + url.QueryEscape(by.csrf) + "&"
		large := own + "x=" + strings.Repeat("x", edge.BodyLimit)
		multipart := "--x\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n" + by.csrf + "\r\n--x\r\nContent-Disposition: form-data; name=\"password\"; filename=\"" + planted + "\"\r\n\r\n" + planted + "\r\n--x--\r\n"
		for _, x := range []struct {
			what, body, media string
			statuses          []int
		}{
			{"a broken escape", own + "code=%zz" + planted, "", []int{400}},
			{"a semicolon", own + "code=1;password=" + planted, "", []int{400}},
			{"too much", large, "", []int{413}},
			{"multipart", multipart, "multipart/form-data; boundary=x", []int{403, 415, 422}},
			{"JSON", `{"csrf":"` + by.csrf + `","password":"` + planted + `"}`, "application/json", []int{403, 415, 422}},
			{"half a multipart", "--x\r\n" + planted, "multipart/form-data; boundary=x", []int{403, 400, 415, 422}},
		} {
			header := http.Header{}
			if x.media != "" {
				header.Set("Content-Type", x.media)
			}
			badForm(t, by.ask(a, r.Method, by.address(a, r), x.body, header), r, x.what, x.statuses)
		}
		chunked := by.askChunked(a, by.address(a, r), large)
		badForm(t, chunked, r, "too much, of which the length is not said", []int{413})
	}
	if after := a.Dump(); after != before {
		t.Errorf("something was changed: %s", difference(before, after))
	}
	// Fields that no storage takes, in forms that are whole: understood and refused.
	for _, r := range a.Routes {
		if r.Method != http.MethodPost || isAPI(r) || r.Path == "/sign-out" {
			continue
		}
		by := whoSends(in, r.Needs)
		if r.Needs == core.NeedAttempt {
			by = in[half]
		}
		for _, wrong := range []string{"\x00", "\xff\xfe", strings.Repeat("9", 60000), "\u202e\u0000", "%s%n'\"<script>"} {
			form := url.Values{"csrf": {by.csrf}}
			for _, field := range []string{"email", "password", "code", "activation", "reason", "verified_by", "seen", "team", "name", "next", "saved"} {
				form.Set(field, wrong)
			}
			answer := by.ask(a, r.Method, by.address(a, r), form.Encode(), nil)
			if answer.Status >= 500 || bytes.Contains(answer.Body, []byte("'\"<script>")) {
				t.Errorf("%s with %.20q in every field: %d %s", r, wrong, answer.Status, shortened(answer.Body))
			}
		}
		a.Restore()
	}
}

func badForm(t *testing.T, answer *apptest.Answer, r edge.Route, what string, statuses []int) {
	t.Helper()
	led := answer.Status == http.StatusSeeOther && r.Needs != core.NeedOpen // nothing to do here for whoever sends it
	if !slices.Contains(statuses, answer.Status) && !led && r.Needs != core.NeedToken {
		t.Errorf("%s with %s: %d %s, want %v", r, what, answer.Status, shortened(answer.Body), statuses)
	}
	if answer.Status >= 500 || bytes.Contains(answer.Body, []byte(planted)) {
		t.Errorf("%s with %s: %d %s", r, what, answer.Status, answer.Body)
	}
}

// askChunked sends a form without saying how long it is.
func (v *visitor) askChunked(a *apptest.App, path, body string) *apptest.Answer {
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
	for name, value := range map[string]string{"doorstep": v.token, "doorstep-attempt": v.attempt} {
		if value != "" {
			h.Add("Cookie", name+"="+value)
		}
	}
	return a.Client().Send(http.MethodPost, path, io.MultiReader(strings.NewReader(body)), h)
}

// TestCodesAsPeopleTypeThem: on the sign-in page a code means the same however it
// is typed (T-RC-7); over the API that is in testdata/script.
//
// T-RC-7
func TestCodesAsPeopleTypeThem(t *testing.T) {
	t.Parallel()
	a := apptest.Start(t, apptest.Options{})
	arabic := strings.NewReplacer("0", "٠", "1", "١", "2", "٢", "3", "٣", "4", "٤", "5", "٥", "6", "٦", "7", "٧", "8", "٨", "9", "٩")
	paper := a.Person("carla").Phone.Paper()
	for what, code := range map[string]func() string{
		"a space":             func() string { c := a.Person("carla").Phone.Code(); return c[:3] + " " + c[3:] },
		"a hyphen":            func() string { c := a.Person("carla").Phone.Code(); return c[:3] + "-" + c[3:] + "\t" },
		"full-width digits":   func() string { return fullWidth(a.Person("carla").Phone.Code()) },
		"Arabic digits":       func() string { return arabic.Replace(a.Person("carla").Phone.Code()) },
		"capitals":            func() string { return strings.ToUpper(paper[0]) },
		"no hyphens":          func() string { return strings.ReplaceAll(paper[1], "-", "") },
		"dashes and no-break": func() string { return "\u00a0" + strings.ReplaceAll(paper[2], "-", "\u2013") + "\u00a0" },
		"full-width letters":  func() string { return fullWidth(strings.ToUpper(paper[3])) },
		"look-alikes":         func() string { return strings.NewReplacer("0", "O", "1", "l").Replace(paper[4]) },
	} {
		carla := walk(a, "carla", words.English)
		carla.Visit("/sign-in")
		carla.givesPassword()
		carla.givesCode(code())
		if carla.URL.Path != "/" {
			t.Errorf("%s: %s", what, carla)
		}
	}
}

// TestNamesAreText is T-XSS-1: whatever somebody is called, a page and a letter say
// the name and run nothing.
//
// ASVS 1.1.2, ASVS 1.2.1, ASVS 1.2.3, ASVS 1.3.3, ASVS 3.2.2, T-XSS-1
func TestNamesAreText(t *testing.T) {
	t.Parallel()
	t.Run("T-XSS-1", func(t *testing.T) {
		a := apptest.Start(t, apptest.Options{})
		ana := walk(a, "ana", words.English)
		ana.signsIn()
		c := a.Client()
		c.Token = cookie(ana, "doorstep")
		id := a.Person("carla").ID
		for _, name := range []string{
			`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `'onmouseover='alert(1)`, `{{.CSRF}}`, `</title><svg/onload=alert(1)>`,
			`javascript:alert(1)`, "`${alert(1)}`", `<!--`, `&lt;b&gt;`, "a\u202eb\u2028c", `https://evil.example/`,
		} {
			if answer := c.Call("PATCH", "/team/users/"+id, map[string]any{"name": name}); !answer.OK() {
				t.Fatalf("%q: %s", name, answer)
			}
			shown := strings.Join(strings.Fields(strings.NewReplacer("\u2028", " ", "\u202e", "").Replace(name)), " ") // what turns the line round is dropped
			for _, page := range []string{"/team", "/team/users/" + id, "/team/users/" + id + "/restart"} {
				ana.Visit(page)
				ana.IsAt(page, http.StatusOK)
				ana.Sees(shown)
				if dangerous := strings.ContainsAny(name, `<>"'`); dangerous && bytes.Contains(ana.Body, []byte(name)) {
					t.Errorf("%s holds %q as it is", page, name)
				}
			}
		}
		c.Call("PATCH", "/team/users/"+id, map[string]any{"name": `<img src=x onerror=alert(1)>`})
		ana.Visit("/team/users/" + id + "/restart")
		ana.Tick(ana.Say("re.v.person"))
		ana.Fill(ana.Say("re.reason"), `<a href="https://evil.example">click</a>`)
		ana.Press(ana.Say("re.item"))
		ana.Sees(`<a href="https://evil.example">click</a>`)
		for _, m := range a.Letters() {
			if strings.Contains(m.HTML, "<img") || strings.Contains(m.HTML, "evil.example\"") || strings.ContainsAny(m.Subject, "\r\n") {
				t.Errorf("a letter runs what somebody typed: %s\n%s", m.Subject, m.HTML)
			}
		}
	})
}

func cookie(w *walker, name string) string {
	for _, c := range w.Jar.Cookies(w.URL) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

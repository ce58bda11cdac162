package core

import (
	"context"
	"encoding/base64"
	"encoding/csv"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// FuzzReadEmail: an address that is taken is one mailbox, of one line, that a mail
// server reads as it is written; typed in another way it is the same account.
func FuzzReadEmail(f *testing.F) {
	for _, seed := range []string{
		"ana@example.com", " Ana@Example.com ", "ana+b@x", "ana@", "@x", "a@b@c", "ana@example.com\r\nBcc: x@y", "\"a b\"@x", "Ana <ana@example.com>", "a@x, b@x", "ana@[::1]",
		"josé@example.com", "jose\u0301@example.com", "a@.x", "a@x.", "\xff@x", strings.Repeat("a", 250) + "@x.y", "a@b\u2028c", "a@ﬀ.example", "İ@example.com",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		email, err := readEmail(text)
		if err != nil {
			if !IsRefusal(err, EmailInvalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		a, err := mail.ParseAddress(email)
		if err != nil || a.Address != email || a.Name != "" || email != strings.TrimSpace(text) || len(email) > emailLimit || !utf8.ValidString(email) {
			t.Fatalf("%q is taken as %q, which is %+v: %v", text, email, a, err)
		}
		if strings.ContainsFunc(email, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) || strings.ContainsAny(email, ",;<>\"") {
			t.Fatalf("%q would be more than one word of a letter's head", email)
		}
		key := foldEmail(email)
		if foldEmail(key) != key || foldEmail(" "+text+"\n") != key || strings.HasPrefix(key, "\x1f") {
			t.Fatalf("%q has the key %q, and that %q", email, key, foldEmail(key))
		}
		if again, err := readEmail(email); err != nil || again != email {
			t.Fatalf("%q read again is %q: %v", email, again, err)
		}
	})
}

// FuzzReadName: a name is seen, of one line, no longer than its limit, and read again
// it is itself; its key finds it.
func FuzzReadName(f *testing.F) {
	for _, seed := range []string{"Ana Silva", "  Ana \t Silva ", "", " ", "\u200b", "Zoë Πάρκ 朴", "\u202eevil", "a\r\nb", "\xff", strings.Repeat("é", 101), "İstanbul", "Dˇ", strings.Repeat("a ", 600)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := readName(text, "name", NameMissing)
		if err != nil {
			if !IsRefusal(err, NameMissing) && !IsRefusal(err, NameTooLong) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if name == "" || utf8.RuneCountInString(name) > nameLimit || strings.ContainsAny(name, "\r\n\t") || strings.TrimSpace(name) != name || !utf8.ValidString(name) {
			t.Fatalf("%q is taken as %q", text, name)
		}
		if again, err := readName(name, "name", NameMissing); err != nil || again != name {
			t.Fatalf("%q read again is %q: %v", name, again, err)
		}
		if key := foldName(name); foldName(key) != key || strings.ContainsAny(key, "\r\n\t") {
			t.Fatalf("%q has the key %q, and that %q", name, key, foldName(key))
		}
	})
}

// FuzzFoldHost: a host that is taken is written in one way, by letters that no two
// programs read in two ways.
func FuzzFoldHost(f *testing.F) {
	for _, seed := range []string{"app.example.com", "APP.example.com.:443", "a:80", "a:", "[::1]", "a b", "bücher.example", "a@b", "a/b", "a\\b", "a..b", "-a", "a_b", "a:0", "a:99999", "\x00"} {
		f.Add("https", seed)
		f.Add("http", seed)
	}
	f.Fuzz(func(t *testing.T, scheme, text string) {
		host := FoldHost(scheme, text)
		if host == "" {
			return
		}
		if strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" || strings.Count(host, ":") > 1 || strings.Contains(host, "..") {
			t.Fatalf("%q is folded to %q", text, host)
		}
		if again := FoldHost(scheme, host); again != host {
			t.Fatalf("%q is folded to %q, and that to %q", text, host, again)
		}
		if hosts, err := readHosts([]string{"", host, host}); scheme == "https" && (err != nil || len(hosts) != 1 || hosts[0] != host) {
			t.Fatalf("the policy takes %q as %q: %v", host, hosts, err)
		}
	})
}

// FuzzImport: no file breaks the reading of one; what is read is written and read
// again as the same people, and an export never runs as a formula.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"email,name,role\nana@example.com,Ana,member\n", "sep=;\r\nemail;name\r\na@x;\"b\r\nc\"\r\n", "\xff\xfee\x00m\x00a\x00i\x00l\x00", "\ufeffemail\n=1+1\n", "email\n'=x\n", "email,email\na,b\n",
		"\"", "email\n\"", "email\t\n", "\x00", "name\nx", "email\n,,,,\n", "email;name,role\na;b,c\n", "EMAIL,Rôle\n\xe9@x,y\n", "sep=,\n", "email\n@x\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		text, _, err := decodeImport(file)
		if err != nil {
			return
		}
		if strings.Contains(text, "\x00") {
			t.Fatal("a NUL, which no TEXT of PostgreSQL holds, is left")
		}
		lines, err := readImport(text)
		if err != nil {
			if Refused(err) == nil {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(lines) == 0 || len(lines) > ImportPeopleMost {
			t.Fatalf("%d lines", len(lines))
		}
		before := 0
		for i := range lines {
			l := &lines[i]
			if l.Line <= before {
				t.Fatalf("line %d after line %d", l.Line, before)
			}
			before = l.Line
			for _, cell := range []string{l.Email, l.Name, l.RoleSays} {
				if guarded := GuardCell(cell); guarded != "" && strings.ContainsRune(formulas, rune(guarded[0])) || unguarded(guarded) != cell && unguarded(cell) == cell {
					t.Fatalf("%q is guarded as %q, which is read as %q", cell, guarded, unguarded(guarded))
				}
			}
		}
		written, err := writeImport(lines)
		if err != nil {
			t.Fatal(err)
		}
		again, err := csv.NewReader(strings.NewReader(written)).ReadAll()
		if err != nil || len(again) != len(lines)+1 {
			t.Fatalf("%d lines are written as %d: %v", len(lines), len(again)-1, err)
		}
	})
}

// oneLine drops the ends of lines, which Base64 ignores (RFC 4648 §3.3 leaves it open).
func oneLine(text string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(text) }

// FuzzCursor: a cursor that we did not make leads nowhere, and one of ours only where
// it was made for, however it comes back.
func FuzzCursor(f *testing.F) {
	w := newWorld(f, "")
	ana := w.signIn("ana").User
	id := uuid.NewString()
	good := w.makeCursor(ana.Team.ID, orderOfEvents, position{id: id}, false)
	people := w.makeCursor(ana.Team.ID, orderOfNames, position{key: "silva", id: id}, true)
	for _, seed := range []string{"", good, people, good + "=", good[:len(good)-1], strings.ToLower(good), "AAAAAAAAAAAAAAAAAAAA", "%", "\x00"} {
		f.Add(seed, "key", id)
	}
	f.Fuzz(func(t *testing.T, text, key, id string) {
		after, back, err := w.readEventCursor(ana.Team.ID, text)
		switch {
		case err != nil && (!IsRefusal(err, InvalidCursor) || after != "" || back):
			t.Fatalf("%q: %q %t %v", text, after, back, err)
		case err == nil && text != "" && oneLine(text) != good:
			t.Fatalf("%q, which was never handed out, begins at %q", text, after)
		}
		q, err := readQuestion(ana.Team.ID, PeopleFilter{}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		if _, from, err := w.readCursor(q, text); err == nil && from.inside && oneLine(text) != people {
			t.Fatalf("%q, which was never handed out, begins at %+v", text, from)
		}
		if strings.Contains(id, "\x00") {
			return
		}
		for _, back := range []bool{false, true} {
			made := w.makeCursor(ana.Team.ID, q.ways[0].order, position{key: key, id: id}, back)
			ways, from, err := w.readCursor(q, made)
			if err != nil || len(ways) == 0 || from.id != id || from.key != key || from.back != back || !from.inside {
				t.Fatalf("%q %q %t comes back as %+v, %v", key, id, back, from, err)
			}
			if _, _, err := w.readEventCursor(ana.Team.ID, made); err == nil {
				t.Fatal("a place in the list of people is one in the log")
			}
			other, err := readQuestion(uuid.NewString(), PeopleFilter{}, time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.readCursor(other, made); err == nil {
				t.Fatal("another team's cursor is taken")
			}
		}
	})
}

// FuzzEventTime: a day or a time of the log's filter is read as one moment or refused.
func FuzzEventTime(f *testing.F) {
	for _, seed := range []string{"", "2026-11-24", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00+25:00", "0000-00-00", "9999-12-31", "-1-01-01", "2026-02-30", " 2026-11-24 ", "10000-01-01", "2026-11-24T10:00:00.123456789-07:00"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, text string, end bool) {
		when, err := eventTime(text, "from", end)
		if err != nil {
			if !IsRefusal(err, DateInvalid) || !when.IsZero() {
				t.Fatalf("%q: %v %v", text, when, err)
			}
			return
		}
		if when.IsZero() != (strings.TrimSpace(text) == "") {
			t.Fatalf("%q is %v", text, when)
		}
		if when.IsZero() {
			return
		}
		if least := firstEventID(when); !isID(least) {
			t.Fatalf("%q gives %s", text, least)
		}
	})
}

// FuzzNotMe: a letter's link that we did not sign opens nothing, and one of ours only
// in its one spelling.
func FuzzNotMe(f *testing.F) {
	w := newWorld(f, "")
	carla := w.cast["carla"].id
	good := w.notMeToken(uuid.NewString(), carla, LetterRestarted, w.clock.Now().UnixMilli())
	for _, seed := range []string{"", good, good + "=", good[1:], good[:len(good)-1] + "A", strings.Repeat("A", 400), strings.ToUpper(good), "%", good + " "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := w.readNotMe(text)
		if (err == nil) != (oneLine(cut(text, 256)) == good) || err != nil && !IsRefusal(err, LinkGone) {
			t.Fatalf("%q: %+v %v", text, l, err)
		}
	})
}

// FuzzTokens: whatever is sent as a token of a session, for apps, or of a link, is
// nobody's but the one that was handed out.
func FuzzTokens(f *testing.F) {
	w := newWorld(f, "")
	s := w.signIn("ana")
	apps := w.AppsToken(s)
	for _, seed := range []string{"", s.Token, apps, s.Token + "=", s.ID, s.ID + ".", apps[:len(apps)-1], strings.ToUpper(s.Token), strings.Repeat("a", 5000), "\x00", s.Token + "\x00", "%00", base64.StdEncoding.EncodeToString([]byte(s.Token))} {
		f.Add(seed)
	}
	ctx := context.Background()
	f.Fuzz(func(t *testing.T, text string) {
		if got, err := w.Session(ctx, text); (err == nil) != (text == s.Token) || err != nil && !IsRefusal(err, NotSignedIn) {
			t.Fatalf("a session for %q: %+v %v", text, got, err)
		}
		if got, err := w.AppsSession(ctx, text); (err == nil) != (text == apps) || err != nil && !IsRefusal(err, NotSignedIn) {
			t.Fatalf("a session of apps for %q: %+v %v", text, got, err)
		}
		if err := w.Watch(ctx, text); (err == nil) != (text == s.Token) || err != nil && !IsRefusal(err, NotSignedIn) {
			t.Fatalf("watching %q: %v", text, err)
		}
		if _, err := w.OpenResetLink(ctx, text); !IsRefusal(err, LinkGone) {
			t.Fatalf("a link for %q: %v", text, err)
		}
		if _, err := w.AcceptSecondStep(ctx, Nobody(testOrigin), text, "000000", false); Refused(err) == nil {
			t.Fatalf("an attempt for %q: %v", text, err)
		}
	})
}

package mail

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"doorstep/internal/core"
	"doorstep/internal/words"
	"doorstep/internal/words/wordstest"
)

var update = flag.Bool("update", false, "write the golden files anew")

const base = "https://id.example.com"

// letter is one of each kind, as core queues it and the queue gives it back:
// numbers are floats by then, times and roles are texts.
func letter(kind core.LetterKind, language string) core.Letter {
	l := core.Letter{
		ID: "0197-letter", Kind: kind, Recipient: "carla@example.com", Name: "Carla Méndez", Language: language,
		At: time.Date(2026, 5, 12, 14, 5, 0, 0, time.UTC), Address: "192.0.2.7", Device: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", NotMe: "c2lnbmVk",
		Args: map[string]any{"email": "carla@example.com", "address": "192.0.2.7", "team": "Northwind"},
	}
	add := func(name string, value any) { l.Args[name] = value }
	switch kind {
	case core.LetterRestarted, core.LetterRestartedOwners, core.LetterRestartBegan, core.LetterRestartBeganOwners, core.LetterRestartRefused:
		add("by", "Bruno Costa")
		add("reason", "Lost her phone")
		add("at", "2026-05-15T14:05:00Z")
		add("verified", "video_call")
		add("name", "Carla Méndez")
		add("user", "0197-carla")
		add("restart", "0197-restart")
		if kind == core.LetterRestartedOwners || kind == core.LetterRestartBeganOwners {
			l.Name, l.Recipient = "Ana Duarte", "ana@example.com"
		}
	case core.LetterAskedTeam:
		add("name", "Carla Méndez")
		add("request", "0197-request")
		l.Name, l.Recipient = "Ana Duarte", "ana@example.com"
	case core.LetterHelpAsked, core.LetterHelpAdded, core.LetterHelpAnswered, core.LetterHelpStranger:
		add("name", "Carla Méndez")
		add("by", "Ana Duarte")
		add("number", "R-4820937")
		add("about", "codes")
		add("request", "0197-question")
		add("text", "My codes are refused since I changed the phone.")
		switch kind {
		case core.LetterHelpStranger:
			l.Name, l.Recipient = "", "operator@example.com"
		case core.LetterHelpAsked, core.LetterHelpAdded:
			l.Name, l.Recipient = "Ana Duarte", "ana@example.com"
		}
	case core.LetterAskRefused:
		add("by", "Ana Duarte")
		add("not_them", true)
	case core.LetterCodeUsed:
		add("n", 7.0)
	case core.LetterCodesLow:
		add("n", 1.0)
	case core.LetterRoleChanged:
		add("by", "Ana Duarte")
		add("role", "admin")
	case core.LetterSuspended, core.LetterBroughtBack, core.LetterRemoved, core.LetterPolicyChanged:
		add("by", "Ana Duarte")
	case core.LetterPassVoid:
		add("n", 20.0)
	case core.LetterPassVoidOwners, core.LetterLimit, core.LetterPersonLimit:
		add("n", 5.0)
		add("by", "Bruno Costa")
		add("name", "Carla Méndez")
		add("user", "0197-carla")
		l.Name, l.Recipient = "Ana Duarte", "ana@example.com"
	case core.LetterSuspendedOwners, core.LetterBroughtBackOwners, core.LetterRemovedOwners, core.LetterFrozenOwners, core.LetterBroughtBackFrozenOwners, core.LetterRoleChangedOwners, core.LetterJoinedOwners,
		core.LetterActivatedAgain, core.LetterNotMeOwners, core.LetterNotMeFrozenOwners:
		add("by", "Bruno Costa")
		add("name", "Carla Méndez")
		add("user", "0197-carla")
		add("role", "admin")
		add("restart", "0197-restart")
		add("browser", "new")
		l.Name, l.Recipient = "Ana Duarte", "ana@example.com"
	case core.LetterBroughtBackFrozen:
		add("by", "Ana Duarte")
	case core.LetterWrong:
		add("n", 3.0)
	case core.LetterWrongOwners:
		add("n", 10.0)
		add("name", "Carla Méndez")
		l.Name, l.Recipient = "Ana Duarte", "ana@example.com"
	case core.LetterBlockedApp:
		add("n", 50.0)
	case core.LetterBlockedCodes:
		add("n", 20.0)
	case core.LetterBlockedPassword:
		add("n", 100.0)
	case core.LetterDeviceRemembered:
		add("at", "2026-12-24T12:00:00Z")
	case core.LetterPasswordLink:
		l.Link = "/set-password/TOKEN"
	case core.LetterCodeUsedReset:
		add("n", 1.0)
	case core.LetterEmailConfirm, core.LetterEmailTaken, core.LetterEmailAsked, core.LetterEmailChanged:
		add("to", "carla@example.org")
		add("at", "2026-05-13T14:05:00Z")
		l.Link = "/email/confirm/TOKEN"
	case core.LetterEmailNew, core.LetterEmailUndone:
		add("from", "carla@example.org")
	case core.LetterNotifyAsked, core.LetterNotifyVerified, core.LetterNotifyRemoved:
		add("other", "carla@home.example")
	case core.LetterNotifyConfirm:
		l.Recipient, l.Link = "carla@home.example", "/notification-address/TOKEN"
		add("at", "2026-05-13T14:05:00Z")
	case core.LetterInvite, core.LetterInviteKnown:
		add("by", "Ana Duarte")
		add("at", "2026-05-19T14:05:00Z")
		if kind == core.LetterInvite {
			l.Link = "/set-password/TOKEN"
		}
	}
	return l
}

func kinds() []core.LetterKind {
	return []core.LetterKind{
		core.LetterActivated, core.LetterDeactivated, core.LetterRestarted, core.LetterRestartedOwners,
		core.LetterCodeUsed, core.LetterCodesLow, core.LetterCodesNone, core.LetterCodesNew, core.LetterReplay,
		core.LetterRoleChanged, core.LetterSuspended, core.LetterBroughtBack, core.LetterRemoved,
		core.LetterDeviceRemembered, core.LetterDeviceReused, core.LetterPolicyChanged, core.LetterBackupRestored, core.LetterNewDevice, core.LetterNewDevicePassword,
		core.LetterRestartBegan, core.LetterRestartBeganOwners, core.LetterRestartRefused,
		core.LetterPassVoid, core.LetterPassVoidOwners, core.LetterLimit, core.LetterPersonLimit,
		core.LetterPasswordLink, core.LetterPasswordSet, core.LetterPassword, core.LetterCodeUsedReset,
		core.LetterEmailConfirm, core.LetterEmailTaken, core.LetterEmailAsked, core.LetterEmailChanged, core.LetterEmailNew, core.LetterEmailUndone,
		core.LetterNotifyAsked, core.LetterNotifyConfirm, core.LetterNotifyVerified, core.LetterNotifyRemoved,
		core.LetterRoleChangedOwners, core.LetterSuspendedOwners, core.LetterBroughtBackOwners, core.LetterRemovedOwners, core.LetterJoinedOwners, core.LetterActivatedAgain,
		core.LetterFrozen, core.LetterFrozenSole, core.LetterFrozenOwners, core.LetterBroughtBackFrozen, core.LetterBroughtBackFrozenOwners,
		core.LetterNotMe, core.LetterNotMeOwners, core.LetterNotMeFrozenOwners,
		core.LetterAsked, core.LetterAskedTeam, core.LetterAskRefused,
		core.LetterWrong, core.LetterWrongOwners, core.LetterBlockedApp, core.LetterBlockedCodes, core.LetterBlockedPassword,
		core.LetterInvite, core.LetterInviteKnown,
		core.LetterHelpAsked, core.LetterHelpAdded, core.LetterHelpAnswered, core.LetterHelpStranger,
	}
}

func TestGoldens(t *testing.T) {
	letters := Letters{Words: wordstest.Strict(t), Base: base}
	for _, l := range words.Languages() {
		var b strings.Builder
		for _, kind := range kinds() {
			m, err := letters.Render(letter(kind, string(l)))
			if err != nil {
				t.Fatalf("%s %s: %v", kind, l, err)
			}
			fmt.Fprintf(&b, "=== %s\nTo: %s\nSubject: %s\n\n%s\n", kind, m.To, m.Subject, m.Text)
		}
		fromConsole := letter(core.LetterRestarted, string(l))
		fromConsole.Address, fromConsole.Device, fromConsole.Args["by"] = "", "", "console: root"
		m, err := letters.Render(fromConsole)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "=== restarted, from the console\nTo: %s\nSubject: %s\n\n%s\n", m.To, m.Subject, m.Text)
		file := filepath.Join("testdata", "letters."+string(l)+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if b.String() != string(want) {
			t.Errorf("%s differs; run with -update and read what changed\n%s", file, b.String())
		}
	}
}

// T-MAIL-1. A letter is in the addressee's language, has one link at most, which is ours,
// one line of subject, and no markup but its own, whatever people are called.
//
// ASVS 1.2.1, ASVS 1.3.11, T-MAIL-1
func TestEveryLetterKeepsTheRules(t *testing.T) {
	letters := Letters{Words: wordstest.Strict(t), Base: base + "/"}
	const hostile = "=HYPERLINK(1) <b>Bob</b>\r\nBcc: x@evil.example https://evil.example/\u2028<img src=//evil.example> {link} \x00 \u202egnp.exe\u2066\u200f\u061c\u200b"
	for _, l := range words.Languages() {
		for _, kind := range kinds() {
			in := letter(kind, string(l))
			in.Name, in.Device = hostile, hostile
			for _, name := range []string{"by", "reason", "name", "email", "team"} {
				in.Args[name] = hostile + strings.Repeat("x", 300)
			}
			m, err := letters.Render(in)
			if err != nil {
				t.Fatalf("%s %s: %v", kind, l, err)
			}
			if strings.ContainsAny(m.Subject, "\r\n\x00\u2028") || len([]rune(m.Subject)) > valueLimit {
				t.Errorf("%s %s: subject %q", kind, l, m.Subject)
			}
			links := regexp.MustCompile(`[a-z]+://\S*`).FindAllString(m.Text, -1)
			if len(links) > 1 || len(links) == 1 && !strings.HasPrefix(links[0], base+"/") {
				t.Errorf("%s %s: links %q", kind, l, links)
			}
			if both := m.Subject + m.Text + m.HTML; strings.ContainsAny(both, "\u202e\u2066\u200f\u061c\u200b") {
				t.Errorf("%s %s: what follows is turned or hidden: %q", kind, l, both)
			}
			if strings.Contains(m.Text, strings.Repeat("x", valueLimit)) || strings.ContainsAny(m.Text, "\r\x00") || strings.Contains(m.Text, "⟦") {
				t.Errorf("%s %s: %q", kind, l, m.Text)
			}
			onlyOurMarkup(t, m)
			sameWords(t, m)
		}
	}
}

// What somebody wrote goes into the letter whole, and is still no markup and no link.
func TestTextsOfOthersStayText(t *testing.T) {
	letters := Letters{Words: wordstest.Strict(t), Base: base}
	for _, kind := range []core.LetterKind{core.LetterHelpAsked, core.LetterHelpAdded, core.LetterHelpAnswered, core.LetterHelpStranger} {
		in := letter(kind, "en")
		in.Args["text"] = "<b>Look</b> at https://evil.example/ \u202e and\r\n.\r\nat {link} \x00 " + strings.Repeat("x", 1500)
		m, err := letters.Render(in)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(m.Text, strings.Repeat("x", 1500)) || strings.Contains(m.Text, "https://evil") || strings.ContainsAny(m.Text, "\u202e\x00\r") || strings.Count(m.Text, base) > 1 {
			t.Errorf("%s: %q", kind, m.Text)
		}
		onlyOurMarkup(t, m)
		sameWords(t, m)
	}
}

// notDisowned are the kinds without "this was not me", and why.
var notDisowned = map[core.LetterKind]string{
	core.LetterRestartedOwners: toOthers, core.LetterPolicyChanged: toOthers, core.LetterPassVoidOwners: toOthers, core.LetterLimit: toOthers,
	core.LetterPersonLimit: toOthers, core.LetterRoleChangedOwners: toOthers, core.LetterSuspendedOwners: toOthers, core.LetterBroughtBackOwners: toOthers,
	core.LetterRemovedOwners: toOthers, core.LetterJoinedOwners: toOthers, core.LetterActivatedAgain: toOthers, core.LetterFrozenOwners: toOthers, core.LetterBroughtBackFrozenOwners: toOthers,
	core.LetterNotMeOwners: toOthers, core.LetterNotMeFrozenOwners: toOthers, core.LetterAskedTeam: toOthers, core.LetterWrongOwners: toOthers,

	core.LetterSuspended: nothingLeft, core.LetterRemoved: nothingLeft, core.LetterBroughtBackFrozen: nothingLeft,
	core.LetterFrozen: nothingLeft, core.LetterFrozenSole: nothingLeft,

	core.LetterNotifyConfirm: toAnAddress, core.LetterInvite: toAnAddress, core.LetterInviteKnown: toAnAddress, "email_confirm": toAnAddress, "email_taken": toAnAddress,

	core.LetterRestartBeganOwners: toOthers,
	core.LetterRestartBegan:       "nothing has changed yet, and its own sentences say whom to tell",
	core.LetterRestartRefused:     "nothing was changed",

	core.LetterHelpAsked:    toOthers,
	core.LetterHelpAdded:    toOthers,
	core.LetterHelpAnswered: "nothing was changed",
	core.LetterHelpStranger: toOthers,

	core.LetterNotMe:           "or whoever reads the mail could go on for ever",
	core.LetterAskRefused:      "nothing was changed",
	core.LetterBackupRestored:  "whoever runs the server put a backup back; it has its own link",
	core.LetterCodesLow:        "comes with code_used, and has its own link",
	core.LetterCodesNone:       "comes with code_used, and has its own link",
	core.LetterWrong:           "nothing was changed; its link leads to a new password",
	core.LetterBlockedPassword: "its link leads to a new password",
	"pwlink":                   "carries the link that was asked for",
	"email_changed":            "carries the link that takes it back",
	"email_new":                "to the address that was given",
	"email_undone":             "it was taken back",
}

const (
	toOthers    = "it is about somebody else's account, or the team"
	nothingLeft = "there is nothing left to take away"
	toAnAddress = "nobody has shown yet that the address is theirs"
)

// Every letter about a change to one's own account can be disowned, and what offers
// that leads there.
//
// NIST 4.6
func TestEveryChangeCanBeDisowned(t *testing.T) {
	letters := Letters{Words: wordstest.Strict(t), Base: base}
	for _, kind := range kinds() {
		in := letter(kind, "en")
		in.NotMe = "c2lnbmVk"
		m, err := letters.Render(in)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		has, why := strings.Contains(m.Text, base+"/not-me/c2lnbmVk"), notDisowned[kind]
		if has == (why != "") {
			t.Errorf("%s offers \"this was not me\": %v, and the reason not to is %q", kind, has, why)
		}
		if !has && strings.Contains(m.Text, "say so here") {
			t.Errorf("%s says \"say so here\" and leads elsewhere:\n%s", kind, m.Text)
		}
	}
}

// onlyOurMarkup reads the page as a browser would.
func onlyOurMarkup(t *testing.T, m Message) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(m.HTML))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !strings.Contains(" html head meta title body div p a hr ", " "+n.Data+" ") {
			t.Errorf("a letter holds <%s>: %s", n.Data, m.HTML)
		}
		for _, a := range n.Attr {
			if a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && !strings.HasPrefix(a.Val, base+"/") {
				t.Errorf("a letter holds %s=%q", a.Key, a.Val)
			}
		}
	}
}

// sameWords: what the HTML says, the text says.
func sameWords(t *testing.T, m Message) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(m.HTML))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "title" {
			b.WriteString(n.Data)
			b.WriteString(" ")
		}
	}
	flat := func(s string) string { return strings.Join(strings.Fields(strings.ReplaceAll(s, "\n-- \n", "\n")), "") }
	if flat(b.String()) != flat(m.Text) {
		t.Errorf("HTML and text differ:\n%s\n%s", b.String(), m.Text)
	}
}

func TestWhoAndWhence(t *testing.T) {
	letters := Letters{Words: wordstest.Strict(t), Base: base}
	// Somebody who calls themself the console does not pass for it.
	in := letter(core.LetterRestarted, "en")
	in.Args["by"] = "console: root"
	m, err := letters.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "console: root restarted it") || !strings.Contains(m.Text, "Address: 192.0.2.7") {
		t.Errorf("%s", m.Text)
	}
	letters.Device = func(_ words.Words, raw string) string { return "a browser: " + raw[:7] }
	if m, err = letters.Render(letter(core.LetterActivated, "")); err != nil || !strings.Contains(m.Text, "Device: a browser: Mozilla. Address") {
		t.Errorf("%v: %s", err, m.Text)
	}
}

func TestBrokenLetters(t *testing.T) {
	catalog, err := words.Load()
	if err != nil {
		t.Fatal(err)
	}
	letters := Letters{Words: catalog, Base: base}
	in := letter(core.LetterRestarted, "en")
	delete(in.Args, "reason")
	if m, err := letters.Render(in); !errors.Is(err, words.ErrNoValue) {
		t.Errorf("a letter without its reason: %v, %q", err, m.Text)
	}
	in = letter(core.LetterNotifyConfirm, "en")
	in.Link = ""
	if m, err := letters.Render(in); err == nil {
		t.Errorf("a letter without its link: %q", m.Text)
	}
	if _, err := letters.Render(letter("greetings", "en")); err == nil {
		t.Error("an unknown kind was written")
	}
}

// A name that is written from the right stays itself, and leaves what is around it
// where it is.
func TestNamesFromTheRight(t *testing.T) {
	letters := Letters{Words: wordstest.Strict(t), Base: base}
	in := letter(core.LetterRestarted, "en")
	in.Args["by"] = "\u05d3\u05e0\u05d4" // Dana, in Hebrew
	m, err := letters.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\u2068\u05d3\u05e0\u05d4\u2069 restarted it."; !strings.Contains(m.Text, want) || !strings.Contains(m.HTML, want) {
		t.Errorf("%q", m.Text)
	}
}

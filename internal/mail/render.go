package mail

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// Letters puts letters into words.
type Letters struct {
	Words *words.Catalog
	Base  string // the public address; every link begins with it

	// Device names a raw User-Agent ("Firefox on Linux"); nil shows it as it is.
	Device func(w words.Words, raw string) string
}

// Render writes one letter. An unknown kind, or a letter that lacks what its
// sentences name, is an error: no letter goes out half said.
func (l Letters) Render(letter core.Letter) (Message, error) {
	w := l.Words.In(words.Pick(letter.Language))
	shape, err := shapeOf(letter)
	if err != nil {
		return Message{}, err
	}
	say := speaker{words: w, args: l.argsOf(w, letter)}
	subject := say.line("mail." + string(letter.Kind) + ".s")
	greeting := "mail.greeting"
	if letter.Name == "" {
		greeting = "mail.hello"
	}
	// {name} greets the addressee and {at} says when it happened; in the letter's own
	// sentences they may be somebody else, and until when something must be done.
	body := []string{
		say.line(greeting, words.Args{"name": tidy(letter.Name)}),
		say.line("mail." + string(letter.Kind) + ".b"),
		say.line(shape.whenOf(letter), words.Args{"at": letter.At.UTC()}),
	}
	for _, key := range shape.closing {
		body = append(body, say.line(key))
	}
	foot := say.line("mail.foot")
	if say.err != nil {
		return Message{}, fmt.Errorf("write the letter %s: %w", letter.Kind, say.err)
	}
	m := Message{ID: letter.ID, To: letter.Recipient, Subject: tidy(subject), At: letter.At}
	if shape.carriesLink {
		if shape.link = letter.Link; shape.link == "" {
			return Message{}, fmt.Errorf("write the letter %s: it has lost its link", letter.Kind)
		}
	}
	link := strings.TrimRight(l.Base, "/") + shape.link
	m.Text = textOf(body, foot, link)
	m.HTML, err = htmlOf(string(w.Language()), m.Subject, body, foot, link)
	return m, err
}

// speaker says sentences and keeps the first error.
type speaker struct {
	words words.Words
	args  words.Args
	err   error
}

func (s *speaker) line(key string, own ...words.Args) string {
	text, err := s.words.Try(key, append([]words.Args{s.args}, own...)...)
	if err != nil && s.err == nil {
		s.err = err
	}
	return text
}

// linkMark stands for the link until it is known whether it becomes text or a
// tag. Values cannot hold it: tidy takes control characters out.
const linkMark = "\x00"

// argsOf turns what core stored (JSON: numbers are floats, times are texts) into
// what sentences take.
func (l Letters) argsOf(w words.Words, letter core.Letter) words.Args {
	device := tidy(letter.Device)
	if l.Device != nil {
		device = tidy(l.Device(w, letter.Device))
	}
	if device == "" {
		device = w.Say("device.unknown")
	}
	args := words.Args{}
	for name, value := range letter.Args {
		switch v := value.(type) {
		case string:
			args[name] = tidy(v)
			if name == "text" { // what somebody wrote, and not a name in a sentence of ours
				args[name] = tidyTo(v, textLimit)
			}
		case float64:
			args[name] = int(v)
		case int, int64, time.Time:
			args[name] = v
		}
	}
	if when, err := time.Parse(time.RFC3339, asText(letter.Args["at"])); err == nil {
		args["at"] = when.UTC()
	}
	args["device"], args["ip"], args["link"] = device, tidy(letter.Address), linkMark
	if args["name"] == nil {
		args["name"] = tidy(letter.Name)
	}
	if letter.Kind == core.LetterPasswordLink {
		args["time"] = core.ResetLinkLasts
	}
	if v := asText(letter.Args["verified"]); v != "" {
		args["verified"] = w.Say("verified." + v)
	}
	if v := asText(letter.Args["role"]); v != "" {
		args["role"] = w.Say("role." + v)
	}
	if v := asText(letter.Args["about"]); v != "" {
		args["about"] = w.Say("hr.about." + v)
	}
	switch by := asText(letter.Args["by"]); {
	case fromConsole(letter) && strings.HasPrefix(by, "console: "):
		args["by"], args["verified"] = w.Say("by.console"), w.Say("verified.console")
	case by == "":
		args["by"] = w.Say("by.server")
	}
	return args
}

func asText(v any) string {
	s, _ := v.(string)
	return s
}

// fromConsole: every edge names at least the client's address; the console has
// none. So nobody whose name is "console: …" passes for it.
func fromConsole(letter core.Letter) bool { return letter.Address == "" && letter.Device == "" }

func (s shape) whenOf(letter core.Letter) string {
	if s.toStrangers {
		return "mail.whenalone"
	}
	if fromConsole(letter) {
		return "mail.whenconsole"
	}
	return "mail.when"
}

// shape is what a kind of letter has besides its own sentences: the page that its
// one link leads to, and how it closes.
type shape struct {
	link        string
	carriesLink bool // … which is the letter's own one-use link
	toStrangers bool // … of the team: from where its people act is not theirs to know
	closing     []string
}

// shapeOf says the shape of every kind. A letter about one's own act says what to
// do if it was not one's own; one about somebody else's act says whom to ask. A
// letter whose sentences hold a link has no second one. A letter about a change to the
// addressee's own account is disownable; a test asks of every other kind why it is not.
func shapeOf(letter core.Letter) (shape, error) {
	switch letter.Kind {
	case core.LetterActivated, core.LetterDeactivated, core.LetterCodeUsed, core.LetterCodesNew, core.LetterReplay:
		return disownable(letter, "mail.ok", "mail.notyou"), nil
	case core.LetterPassword, core.LetterPasswordSet, core.LetterCodeUsedReset, core.LetterEmailAsked:
		return disownable(letter, "mail.ok", "mail.notyou"), nil
	case core.LetterPasswordLink, core.LetterEmailConfirm, core.LetterEmailChanged:
		return shape{carriesLink: true}, nil
	case core.LetterEmailTaken, core.LetterEmailNew:
		return shape{}, nil
	case core.LetterEmailUndone:
		return shape{closing: []string{"mail.ask"}}, nil
	case core.LetterDeviceRemembered, core.LetterDeviceReused, core.LetterNewDevice, core.LetterNewDevicePassword:
		return disownable(letter, "mail.ok", "mail.notyou"), nil
	case core.LetterNotifyAsked, core.LetterNotifyVerified, core.LetterNotifyRemoved:
		return disownable(letter, "mail.ok", "mail.notyou"), nil
	case core.LetterNotifyConfirm:
		return shape{carriesLink: true, toStrangers: true}, nil // it may have been mistyped
	case core.LetterAskedTeam:
		return shape{link: "/team/requests/" + url.PathEscape(asText(letter.Args["request"]))}, nil
	case core.LetterHelpAsked, core.LetterHelpAdded, core.LetterHelpAnswered:
		return shape{link: "/help/requests/" + url.PathEscape(asText(letter.Args["request"]))}, nil
	case core.LetterHelpStranger:
		return shape{}, nil // whoever runs the server reads from where it came
	case core.LetterAskRefused:
		if letter.Args["not_them"] == true {
			return shape{closing: []string{"mail.refused.notthem"}}, nil
		}
		return shape{}, nil
	case core.LetterWrong, core.LetterBlockedPassword:
		return shape{link: "/forgot-password"}, nil
	case core.LetterBlockedApp, core.LetterBlockedCodes:
		return disownable(letter, "mail.notyou"), nil
	case core.LetterWrongOwners:
		return shape{}, nil // its own sentences say what to do
	case core.LetterInvite:
		return shape{carriesLink: true, toStrangers: true}, nil
	case core.LetterInviteKnown:
		return shape{toStrangers: true}, nil
	case core.LetterPolicyChanged:
		return shape{link: "/team/policy"}, nil
	case core.LetterCodesLow, core.LetterCodesNone, core.LetterBackupRestored:
		return shape{link: "/me/two-step/recovery-codes"}, nil
	case core.LetterRestartBeganOwners:
		return shape{link: "/team/restarts/" + url.PathEscape(asText(letter.Args["restart"]))}, nil
	case core.LetterRestarted:
		return disownable(letter, "mail.notme_restart"), nil
	case core.LetterRestartedOwners, core.LetterPassVoidOwners, core.LetterLimit, core.LetterPersonLimit, core.LetterJoinedOwners, core.LetterRoleChangedOwners, core.LetterSuspendedOwners, core.LetterBroughtBackOwners,
		core.LetterFrozenOwners, core.LetterBroughtBackFrozenOwners, core.LetterNotMeOwners, core.LetterNotMeFrozenOwners:
		return shape{link: personPage(letter)}, nil
	case core.LetterActivatedAgain:
		link := personPage(letter) + "/was-this-them?restart=" + url.QueryEscape(asText(letter.Args["restart"]))
		return shape{link: link, closing: []string{"mail.browser." + asText(letter.Args["browser"])}}, nil
	case core.LetterRoleChanged, core.LetterBroughtBack:
		return disownable(letter, "mail.unexpected"), nil
	case core.LetterSuspended, core.LetterRemoved, core.LetterBroughtBackFrozen:
		return shape{closing: []string{"mail.ask"}}, nil // there is nothing left to take away
	case core.LetterAsked, core.LetterPassVoid:
		return disownable(letter, "mail.notyou"), nil
	case core.LetterRestartBegan, core.LetterRestartRefused, core.LetterRemovedOwners, core.LetterFrozen, core.LetterFrozenSole, core.LetterNotMe:
		return shape{}, nil // their own sentences say what to do; and a letter about "not me" offers no second one
	}
	return shape{}, fmt.Errorf("no letter is called %q", letter.Kind)
}

// disownable is the shape of a letter whose one link is "this was not me".
func disownable(letter core.Letter, closing ...string) shape {
	return shape{link: "/not-me/" + url.PathEscape(letter.NotMe), closing: closing}
}

func personPage(letter core.Letter) string {
	return "/team/users/" + url.PathEscape(asText(letter.Args["user"]))
}

const (
	valueLimit = 200 // characters of a name, a reason or a subject
	textLimit  = core.TextLongest
)

// tidy makes a value from outside fit for a letter: one line of at most 200
// characters in which no mail program finds an address to link to, since the only
// link in a letter is ours, and which does not turn the words around it.
func tidy(s string) string { return tidyTo(s, valueLimit) }

func tidyTo(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if turns(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	s = strings.ReplaceAll(s, "://", ": //")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r <= ' ' || r == 0x7f || r >= 0x80 && r <= 0xa0 || r == 0x2028 || r == 0x2029
	}), " ")
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit-1]) + "…"
	}
	if strings.ContainsFunc(s, rightToLeft) {
		s = firstStrongIsolate + s + popIsolate
	}
	return s
}

// A name in Arabic or Hebrew is written from the right; what follows it is ours, and
// stays where it is (Unicode UAX #9 §2.4, isolates).
const firstStrongIsolate, popIsolate = "\u2068", "\u2069"

func rightToLeft(r rune) bool {
	return r >= 0x0590 && r <= 0x08ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefc || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff
}

// turns are the characters that change the direction of what follows (UAX #9 §2.1 to
// §2.6), and others that hide what is written.
func turns(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c || r == 0x200b || r == 0xfeff || r >= 0x206a && r <= 0x206f
}

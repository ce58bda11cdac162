package doorstep_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/words"
)

// The journeys J1–J6 by page, as somebody with a browser and a phone goes them,
// without a script. testdata/script has the same journeys over the API.

// walker is somebody with a browser.
type walker struct {
	*apptest.Browser
	app *apptest.App
	who *apptest.Person
}

func walk(a *apptest.App, name string, l words.Language) *walker {
	return &walker{Browser: a.Browser(l), app: a, who: a.Person(name)}
}

// eachLanguage runs a journey on both engines in English, and on one in others.
func eachLanguage(t *testing.T, languages []words.Language, run func(t *testing.T, a *apptest.App, l words.Language)) {
	t.Helper()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) { run(t, a, words.English) })
	for _, l := range languages {
		t.Run(string(l), func(t *testing.T) {
			t.Parallel()
			run(t, apptest.Start(t, apptest.Options{}), l)
		})
	}
}

var (
	onlyEnglish []words.Language
	others      = []words.Language{words.Spanish, words.Portuguese}
)

// givesPassword fills in the first step, at whatever page leads to it.
func (w *walker) givesPassword() {
	w.Fill(w.Say("signin.email"), w.who.Email)
	w.Fill(w.Say("signin.password"), apptest.Password)
	w.Press(w.Say("common.continue"))
}

func (w *walker) givesCode(code string) {
	w.Fill(w.Say("step.label"), code)
	w.Press(w.Say("common.continue"))
}

// signsIn takes both steps with the app.
func (w *walker) signsIn() {
	w.Visit("/")
	w.givesPassword()
	w.IsAt("/sign-in/second-step", http.StatusOK)
	w.givesCode(w.who.Phone.Code())
	w.IsAt("/", http.StatusOK)
}

// activates goes on from the page with the QR code, and ends where that leads.
func (w *walker) activates(t *testing.T) {
	t.Helper()
	w.IsAt("/me/two-step/activate", http.StatusOK)
	w.scans(t)
	w.Fill(w.Say("act.code"), w.who.Phone.Code())
	w.Press(w.Say("common.continue"))
	w.Sees(w.Say("codes.once"))
	w.who.Phone.Write(w.RecoveryCodes())
	w.Tick(w.Say("codes.ack"))
	w.Press(w.Say("common.finish"))
}

func (w *walker) scans(t *testing.T) {
	t.Helper()
	if err := w.who.Phone.Scan(w.SetupKey()); err != nil {
		t.Fatal(err)
	}
}

// reachesOnlyActivation is R6: every other page leads there.
func (w *walker) reachesOnlyActivation() {
	for _, page := range []string{"/", "/me", "/me/two-step", "/me/two-step/deactivate", "/me/two-step/recovery-codes", "/me/confirm", "/team"} {
		w.Visit(page)
		w.IsAt("/me/two-step/activate", http.StatusOK)
		w.Sees(w.Say("err.due"))
	}
}

func TestJ1(t *testing.T) {
	t.Parallel()
	eachLanguage(t, onlyEnglish, func(t *testing.T, a *apptest.App, l words.Language) {
		elena, other := walk(a, "elena", l), walk(a, "elena", l)
		for _, w := range []*walker{elena, other} {
			w.Visit("/")
			w.IsAt("/sign-in", http.StatusOK)
			w.givesPassword()
			w.IsAt("/", http.StatusOK)
		}
		elena.Follow(elena.Say("nav.me"))
		elena.Follow(elena.Say("two.title"))
		elena.Follow(elena.Say("act.button"))

		// A wrong code keeps the key; the page says so at the field, and the field is empty.
		elena.scans(t)
		key := elena.SetupKey()
		elena.Fill(elena.Say("act.code"), elena.who.Phone.WrongCode())
		elena.Press(elena.Say("common.continue"))
		elena.IsAt("/me/two-step/activate", http.StatusUnprocessableEntity)
		elena.Sees(elena.Say("act.wrong"))
		if !strings.HasPrefix(elena.Title(), "Error: ") || elena.SetupKey() != key || elena.Holds(elena.Say("act.code")) != "" {
			t.Errorf("after a wrong code: title %q, key %q, want %q", elena.Title(), elena.SetupKey(), key)
		}

		// What is not finished within an hour leaves no trace; from `off` a new start wants the password anew.
		a.Pass(31 * time.Minute)
		elena.Reload()
		a.Pass(30 * time.Minute)
		elena.Fill(elena.Say("act.code"), elena.who.Phone.Code())
		elena.Press(elena.Say("common.continue"))
		elena.Sees(elena.Say("act.expired"))
		elena.Press(elena.Say("act.over"))
		elena.Sees(elena.Say("up.title"))
		elena.Fill(elena.Say("signin.password"), apptest.Password)
		elena.Press(elena.Say("up.button"))
		elena.IsAt("/me/two-step/activate", http.StatusOK)
		if elena.SetupKey() == key {
			t.Error("the key of an activation that expired is shown again")
		}

		// The right code shows ten codes: a reload, and a forgotten box, show the same.
		elena.scans(t)
		elena.Fill(elena.Say("act.code"), elena.who.Phone.Code())
		elena.Press(elena.Say("common.continue"))
		codes := elena.RecoveryCodes()
		if len(codes) != 10 {
			t.Fatalf("%d codes are shown\n%s", len(codes), elena)
		}
		elena.Reload()
		sameCodes(t, elena, codes)
		elena.Press(elena.Say("common.finish"))
		elena.IsAt("/me/two-step/activate/finish", http.StatusUnprocessableEntity)
		elena.Sees(elena.Say("codes.ackmissing"))
		sameCodes(t, elena, codes)
		if file := downloaded(t, elena); !strings.Contains(file, strings.Join(codes, "\n")) || !strings.Contains(file, elena.who.Email) {
			t.Errorf("the file holds %q", file)
		}

		// Not on yet: the password alone still signs in.
		again := walk(a, "elena", l)
		again.Visit("/sign-in")
		again.givesPassword()
		again.IsAt("/", http.StatusOK)

		elena.Tick(elena.Say("codes.ack"))
		elena.Press(elena.Say("common.finish"))
		elena.IsAt("/", http.StatusOK)
		elena.Sees(elena.Say("act.done"))
		if letters := a.LettersTo("elena"); !slices.Contains(letters, elena.Say("mail.activated.s")) {
			t.Errorf("letters: %q", letters)
		}
		// Every other session has ended, and says why.
		again.Visit("/me")
		again.IsAt("/sign-in", http.StatusOK)
		again.Sees(again.Say("ended.activated"))
		// The codes are never shown again.
		elena.Visit("/me/two-step/activate")
		elena.Sees(elena.Say("act.already"))
		if left := elena.RecoveryCodes(); len(left) > 0 {
			t.Errorf("codes are shown after Finish: %q", left)
		}
		// The confirming code is used up.
		again.givesPassword()
		again.givesCode(again.who.Phone.LastCode())
		again.IsAt("/sign-in/second-step", http.StatusUnprocessableEntity)
		again.Sees(again.Say("step.used"))
		again.givesCode(again.who.Phone.Code())
		again.IsAt("/me", http.StatusOK) // the page that was wanted when the session had ended
	})
}

func sameCodes(t *testing.T, w *walker, codes []string) {
	t.Helper()
	if shown := w.RecoveryCodes(); !slices.Equal(shown, codes) {
		t.Errorf("the codes are now %q, they were %q", shown, codes)
	}
}

// downloaded is the text behind the link that saves the codes as a file.
func downloaded(t *testing.T, w *walker) string {
	t.Helper()
	link := w.Link(w.Say("codes.download"))
	text, ok := strings.CutPrefix(link.Opaque, "text/plain;charset=utf-8,")
	file, err := url.PathUnescape(text)
	if link.Scheme != "data" || !ok || err != nil {
		t.Fatalf("the link is %q", link)
	}
	return file
}

func TestJ2(t *testing.T) {
	t.Parallel()
	eachLanguage(t, onlyEnglish, func(t *testing.T, a *apptest.App, l words.Language) {
		carla := walk(a, "carla", l)
		carla.Visit("/me")
		carla.givesPassword()
		carla.IsAt("/sign-in/second-step", http.StatusOK)
		carla.Sees(carla.Say("step.who", words.Args{"email": "carla@example.com"}), carla.Say("step.nophone"))
		for _, x := range []struct{ code, says string }{
			{"", carla.Say("step.empty")},
			{"12345", carla.Say("step.length", words.Args{"n": 5})},
			{carla.who.Phone.Paper()[0][:18], carla.Say("rec.length", words.Args{"n": 15})},
			{carla.who.Phone.WrongCode(), carla.Say("step.nomatch")},
		} {
			carla.givesCode(x.code)
			carla.IsAt("/sign-in/second-step", http.StatusUnprocessableEntity)
			carla.Sees(x.says)
			if carla.Holds(carla.Say("step.label")) != "" {
				t.Error("the page shows what was typed as a code")
			}
		}
		carla.givesCode(carla.who.Phone.Code())
		carla.IsAt("/me", http.StatusOK)

		// A recovery code goes into the same field; the page after it says how many are left.
		paper := walk(a, "carla", l)
		paper.Visit("/")
		paper.givesPassword()
		paper.givesCode(" " + strings.ToUpper(strings.ReplaceAll(paper.who.Phone.Paper()[4], "-", " ")))
		paper.IsAt("/", http.StatusOK)
		paper.Sees(paper.Say("rec.left", words.Args{"n": 9}), paper.Say("rec.hour", words.Args{"time": time.Hour}))
		paper.Reload()
		paper.SeesNot(paper.Say("rec.left", words.Args{"n": 9})) // said once

		// Signing out ends it, for the copy of its cookie too.
		thief := walk(a, "carla", l)
		thief.Jar.SetCookies(carla.URL, carla.Jar.Cookies(carla.URL))
		thief.Visit("/me")
		thief.IsAt("/me", http.StatusOK)
		carla.Press(carla.Say("nav.out"))
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("signin.out"))
		thief.Visit("/me")
		thief.IsAt("/sign-in", http.StatusOK)
	})
}

// ASVS 6.5.6, NIST 4.2.2.2, NIST 4.2.1.1(new), R3
func TestJ3(t *testing.T) {
	t.Parallel()
	eachLanguage(t, others, func(t *testing.T, a *apptest.App, l words.Language) {
		carla := walk(a, "carla", l)
		phone := carla.who.Phone
		paper := phone.Paper()
		phone.Drop()
		// (1) the password, (2) recovery code A
		carla.Visit("/")
		carla.givesPassword()
		carla.givesCode(paper[0])
		// (3) User information, (4) 2-step authentication
		carla.Follow(carla.Say("nav.me"))
		carla.IsAt("/me", http.StatusOK)
		carla.Follow(carla.Say("two.title"))
		carla.IsAt("/me/two-step", http.StatusOK)
		carla.Sees(carla.Say("two.codes", words.Args{"n": 9, "m": 10}))
		// (5) A again costs nothing
		carla.Follow(carla.Say("two.deactivate"))
		carla.Sees(carla.Say("off.title"), carla.Say("off.hintrec"))
		carla.Fill(carla.Say("off.labelrec"), paper[0])
		carla.Press(carla.Say("off.button"))
		carla.IsAt("/me/two-step/deactivate", http.StatusUnprocessableEntity)
		carla.Sees(carla.Say("off.same"))
		if l == words.English {
			carla.Sees("That is the code you signed in with. Use a different one.")
		}
		// (6) recovery code B, different from A
		carla.Fill(carla.Say("off.labelrec"), paper[1])
		carla.Press(carla.Say("off.button"))
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("ended.deactivated"))
		if letters := a.LettersTo("carla"); len(letters) != 3 {
			t.Errorf("letters: %q, want three: a code was used, from a new browser, 2-step was deactivated", letters)
		}
		// (7) the same e-mail and password; nothing else is reachable
		carla.givesPassword()
		carla.IsAt("/me/two-step/activate", http.StatusOK)
		carla.reachesOnlyActivation()
		carla.Visit("/")
		// (8) any app
		carla.activates(t)
		carla.IsAt("/", http.StatusOK)
		carla.Sees(carla.Say("act.done"))
		carla.Visit("/me")
		carla.IsAt("/me", http.StatusOK)
	})
}

func TestJ4(t *testing.T) {
	t.Parallel()
	eachLanguage(t, others, func(t *testing.T, a *apptest.App, l words.Language) {
		carla, bruno := walk(a, "carla", l), walk(a, "bruno", l)
		carla.signsIn()
		bruno.signsIn()
		bruno.Follow(bruno.Say("nav.team"))
		bruno.IsAt("/team", http.StatusOK)
		bruno.Fill(bruno.Say("team.find"), "nguyen")
		bruno.Press(bruno.Say("common.search"))
		bruno.SeesNot("Olga")
		bruno.Menu(bruno.Say("team.actions", words.Args{"name": "Carla Nguyen"})).Follow(bruno.Say("re.item"))
		bruno.IsAt("/team/users/"+carla.who.ID+"/restart", http.StatusOK)
		// What will happen, in numbers.
		bruno.Sees(bruno.Say("re.q", words.Args{"name": "Carla Nguyen"}), bruno.Say("re.sessions", words.Args{"n": 1}),
			bruno.Say("re.apps", words.Args{"n": 1}), bruno.Say("re.codes", words.Args{"n": 10}), bruno.Say("re.check", words.Args{"name": "Carla Nguyen"}))
		// Both have to be said, and what was typed is kept.
		bruno.Fill(bruno.Say("re.reason"), "lost phone <b>, called back")
		bruno.Press(bruno.Say("re.item"))
		bruno.Sees(bruno.Say("re.verifiedmissing", words.Args{"name": "Carla Nguyen"}))
		if bruno.Holds(bruno.Say("re.reason")) != "lost phone <b>, called back" {
			t.Errorf("the reason is now %q", bruno.Holds(bruno.Say("re.reason")))
		}
		bruno.Tick(bruno.Say("re.v.phone"))
		bruno.Press(bruno.Say("re.item"))
		bruno.IsAt("/team/users/"+carla.who.ID, http.StatusOK)
		bruno.Sees(bruno.Say("re.done", words.Args{"n": 1, "name": "Carla Nguyen"}), "lost phone <b>, called back")
		carla.Visit("/me")
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("ended.restarted"))
	})
}

func TestJ5(t *testing.T) {
	t.Parallel()
	eachLanguage(t, onlyEnglish, func(t *testing.T, a *apptest.App, l words.Language) {
		carla, ana := walk(a, "carla", l), walk(a, "ana", l)
		carla.signsIn()
		ana.signsIn()
		// Eleven minutes later a step-up comes first, and leads back.
		a.Pass(11 * time.Minute)
		ana.Follow(ana.Say("nav.team"))
		ana.Row("Carla Nguyen").Follow("Carla Nguyen")
		ana.IsAt("/team/users/"+carla.who.ID, http.StatusOK)
		ana.Menu(ana.Say("team.options")).Follow(ana.Say("re.item"))
		ana.IsAt("/me/confirm", http.StatusOK)
		ana.Sees(ana.Say("up.for.restart", words.Args{"name": "Carla Nguyen"}))
		ana.Fill(ana.Say("signin.password"), apptest.Password)
		ana.Fill(ana.Say("up.code"), ana.who.Phone.Paper()[0])
		ana.Press(ana.Say("up.button"))
		ana.Sees(ana.Say("up.notrec")) // and it is not used up
		ana.Fill(ana.Say("signin.password"), apptest.Password)
		ana.Fill(ana.Say("up.code"), ana.who.Phone.Code())
		ana.Press(ana.Say("up.button"))
		ana.IsAt("/team/users/"+carla.who.ID+"/restart", http.StatusOK)

		// The ten minutes pass while she writes: what she wrote is not lost.
		ana.Tick(ana.Say("re.v.video"))
		ana.Fill(ana.Say("re.reason"), "new phone, seen on video")
		a.Pass(11 * time.Minute)
		ana.Press(ana.Say("re.item"))
		ana.Sees(ana.Say("up.title"))
		ana.Fill(ana.Say("signin.password"), apptest.Password)
		ana.Fill(ana.Say("up.code"), ana.who.Phone.Code())
		ana.Press(ana.Say("up.button"))
		if ana.Holds(ana.Say("re.reason")) != "new phone, seen on video" {
			t.Errorf("the reason is now %q", ana.Holds(ana.Say("re.reason")))
		}
		ana.Press(ana.Say("re.item"))
		ana.IsAt("/team/users/"+carla.who.ID, http.StatusOK)
		ana.Sees("new phone, seen on video", ana.Say("verified.video_call"), ana.Say("user.nocodes"))
		if letters := a.LettersTo("olga"); !slices.Contains(letters, ana.Say("mail.restarted_owners.s", words.Args{"by": "Ana Silva", "name": "Carla Nguyen"})) {
			t.Errorf("Olga's letters: %q", letters)
		}
		// Nobody restarts themself: the menu says why, and the address too.
		ana.Follow(ana.Say("nav.team"))
		if menu := ana.Menu(ana.Say("team.actions", words.Args{"name": "Ana Silva"})).Text(); !strings.Contains(menu, ana.Say("no.self")) {
			t.Errorf("her own menu says %q", menu)
		}
		ana.Visit("/team/users/" + ana.who.ID + "/restart")
		ana.IsAt("/team/users/"+ana.who.ID+"/restart", http.StatusForbidden)
	})
}

func TestJ6(t *testing.T) {
	t.Parallel()
	eachLanguage(t, onlyEnglish, func(t *testing.T, a *apptest.App, l words.Language) {
		carla, phone, ana := walk(a, "carla", l), walk(a, "carla", l), walk(a, "ana", l)
		paper := carla.who.Phone.Paper()
		carla.signsIn()
		carla.Visit("/me/two-step")
		phone.Visit("/")
		phone.givesPassword() // half signed in
		open := watch(t, a, carla)
		ana.signsIn()
		ana.Visit("/team/users/" + carla.who.ID + "/restart")
		ana.Tick(ana.Say("re.v.person"))
		ana.Fill(ana.Say("re.reason"), "met her")
		ana.Press(ana.Say("re.item"))
		// Her open page hears of it at once, the other one at the next click.
		select {
		case <-open:
		case <-time.After(5 * time.Second):
			t.Error("the open page did not hear within five seconds that the session has ended")
		}
		carla.Follow(carla.Say("two.deactivate"))
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("ended.restarted"))
		phone.givesCode(paper[0])
		phone.IsAt("/sign-in", http.StatusOK)
		phone.Sees(phone.Say("step.timeout"))
		// The same password leads to activation and to nothing else.
		carla.givesPassword()
		carla.IsAt("/me/two-step/activate", http.StatusOK)
		carla.Sees(carla.Say("act.duerestarted"))
		carla.reachesOnlyActivation()
		carla.Visit("/me")
		carla.activates(t)
		carla.IsAt("/me", http.StatusOK) // where she wanted to go
		if slices.Equal(carla.who.Phone.Paper(), paper) {
			t.Error("the recovery codes are the old ones")
		}
		// The old paper is dead.
		phone.givesPassword()
		phone.givesCode(paper[1])
		phone.Sees(phone.Say("rec.nomatch"))
		phone.givesCode(phone.who.Phone.Paper()[0])
		phone.IsAt("/", http.StatusOK)
	})
}

// passesWith fills in the first step with another password than everybody's.
func (w *walker) passesWith(password string) {
	w.Fill(w.Say("signin.email"), w.who.Email)
	w.Fill(w.Say("signin.password"), password)
	w.Press(w.Say("common.continue"))
}

// TestJ7 by page: a mailbox alone changes nothing, link and code together set the
// password, sign nobody in, and leave 2-step as it is. Who lost both has a restart
// first, then this, then J1.
//
// ASVS 6.4.3, NIST 4.2.2.2, R9
func TestJ7(t *testing.T) {
	t.Parallel()
	eachLanguage(t, others, func(t *testing.T, a *apptest.App, l words.Language) {
		const first, second = "twelve green umbrellas", "forty blue umbrellas"
		carla, elsewhere, ana := walk(a, "carla", l), walk(a, "carla", l), walk(a, "ana", l)
		label := carla.Say("setpw.label")
		elsewhere.signsIn()
		carla.Visit("/me")
		carla.Follow(carla.Say("signin.forgot"))
		carla.IsAt("/forgot-password", http.StatusOK)
		carla.Fill(carla.Say("signin.email"), carla.who.Email)
		carla.Press(carla.Say("forgot.button"))
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("forgot.sent", words.Args{"email": carla.who.Email, "time": time.Hour}))

		// A mail scanner opens the link before her; that uses nothing up, and no token is
		// in an address for long (T-RESET-6).
		link := a.LinkIn("Set a new password")
		walk(a, "carla", l).Visit(strings.TrimPrefix(link, a.URL))
		carla.Visit(strings.TrimPrefix(link, a.URL))
		carla.IsAt("/set-password/again", http.StatusOK)
		if strings.Contains(string(carla.Body), link[len(link)-43:]) {
			t.Error("the page holds the token of the link")
		}
		carla.Sees(carla.Say("setpw.for", words.Args{"email": carla.who.Email}), carla.Say("setpw.codetoo"), carla.Say("setpw.both"))
		for _, x := range []struct{ password, code, says string }{
			{first, "", carla.Say("step.empty")},
			{"short", carla.who.Phone.WrongCode(), carla.Say("setpw.short", words.Args{"n": 15})},
			{first, carla.who.Phone.WrongCode(), carla.Say("step.nomatch")},
		} {
			carla.Fill(label, x.password)
			carla.Fill(carla.Say("step.label"), x.code)
			carla.Press(carla.Say("setpw.button"))
			carla.IsAt("/set-password/again", http.StatusUnprocessableEntity)
			carla.Sees(x.says)
			if carla.Holds(label) != "" || carla.Holds(carla.Say("step.label")) != "" {
				t.Error("the page shows what was typed as a secret")
			}
		}
		carla.Sees(carla.Say("setpw.again"))
		elsewhere.Visit("/me")
		elsewhere.IsAt("/me", http.StatusOK)

		carla.Fill(label, first)
		carla.Fill(carla.Say("step.label"), carla.who.Phone.Code())
		carla.Press(carla.Say("setpw.button"))
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("setpw.done"))
		if carla.Holds(carla.Say("signin.email")) != carla.who.Email {
			t.Error("the address is not filled in")
		}
		elsewhere.Visit("/me")
		elsewhere.IsAt("/sign-in", http.StatusOK)
		elsewhere.Sees(elsewhere.Say("ended.password_set"))
		carla.Visit("/me")
		carla.IsAt("/sign-in", http.StatusOK) // nobody is signed in by a link
		carla.givesPassword()
		carla.Sees(carla.Say("signin.wrong"))
		carla.passesWith(first)
		carla.IsAt("/sign-in/second-step", http.StatusOK)
		carla.givesCode(carla.who.Phone.Code())
		carla.IsAt("/me", http.StatusOK)
		carla.Visit("/me/two-step")
		carla.Sees(carla.Say("two.codes", words.Args{"n": 10, "m": 10}))
		carla.Visit(strings.TrimPrefix(link, a.URL))
		carla.IsAt("/set-password/"+link[len(link)-43:], http.StatusGone)

		// Both lost: restart, link, activation.
		ana.signsIn()
		ana.Visit("/team/users/" + carla.who.ID + "/restart")
		ana.Fill(ana.Say("re.reason"), "lost phone and password")
		ana.Tick(ana.Say("re.v.phone"))
		ana.Press(ana.Say("re.item"))
		carla.Visit("/forgot-password")
		carla.Fill(carla.Say("signin.email"), carla.who.Email)
		carla.Press(carla.Say("forgot.button"))
		carla.Visit(strings.TrimPrefix(a.LinkIn("Set a new password"), a.URL))
		carla.SeesNot(carla.Say("setpw.codetoo"))
		carla.Fill(label, second)
		carla.Press(carla.Say("setpw.button"))
		carla.passesWith(second)
		carla.activates(t)
		carla.IsAt("/", http.StatusOK)
	})
}

package doorstep_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"doorstep/internal/apptest"
	"doorstep/internal/words"
)

// asksOnPage goes from the password to the page with the match code.
func (w *walker) asksOnPage(t *testing.T) (matchCode string) {
	t.Helper()
	w.Visit("/")
	w.givesPassword()
	w.IsAt("/sign-in/second-step", http.StatusOK)
	w.Follow(w.Say("step.none"))
	w.IsAt("/sign-in/ask", http.StatusOK)
	w.Tick(w.Say("ask.lost"))
	w.Press(w.Say("ask.button"))
	return w.readsMatchCode(t)
}

func (w *walker) readsMatchCode(t *testing.T) string {
	t.Helper()
	w.IsAt("/sign-in/ask", http.StatusOK)
	before, _, _ := strings.Cut(w.Say("ask.code", words.Args{"code": "\x00"}), "\x00")
	_, after, found := strings.Cut(w.Text(), before)
	after = strings.TrimLeft(after, " \n")
	code := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, string([]rune(after + "      ")[:5]))
	if !found || len(code) != 4 {
		t.Fatalf("no match code: %s", w)
	}
	return code
}

// TestJ8 is J8 by page, in each language. testdata/script/j8.txtar is the same over
// the API, on both engines.
//
// ASVS 6.4.4, NIST 4.2.1
func TestJ8(t *testing.T) {
	t.Parallel()
	eachLanguage(t, others, func(t *testing.T, a *apptest.App, l words.Language) {
		carla, bruno := walk(a, "carla", l), walk(a, "bruno", l)
		carla.who.Phone.Drop()
		bruno.signsIn()
		bruno.SeesNot(bruno.Say("team.requests", words.Args{"n": 1}))

		// Nothing chosen yet: the page says so, and nobody is told.
		carla.Visit("/")
		carla.givesPassword()
		carla.Follow(carla.Say("step.none"))
		carla.Sees(carla.Say("ask.what"), carla.Say("ask.never"))
		carla.Press(carla.Say("ask.button"))
		carla.IsAt("/sign-in/ask", http.StatusUnprocessableEntity)
		carla.Sees(carla.Say("refusal.happened-missing"))
		if !strings.HasPrefix(carla.Title(), carla.Say("err.prefix")) {
			t.Errorf("the title is %q", carla.Title())
		}
		carla.Tick(carla.Say("ask.lost"))
		carla.Press(carla.Say("ask.button"))
		asked, matchCode := a.Clock.Now(), carla.readsMatchCode(t)
		carla.Sees(carla.Say("ask.sent"), carla.Say("ask.read"), carla.Say("ask.never"))
		carla.SeesNot("Bruno")
		carla.Follow(carla.Say("common.again"))
		if again := carla.readsMatchCode(t); again != matchCode {
			t.Errorf("the match code is now %s, and was %s", again, matchCode)
		}

		// Another browser that knows the password sees that there is one, and no code.
		other := walk(a, "carla", l)
		other.Visit("/")
		other.givesPassword()
		other.Follow(other.Say("step.none"))
		other.Sees(other.Say("ask.elsewhere"))
		other.SeesNot(matchCode[:2]+"\u00a0"+matchCode[2:], matchCode)

		// Bruno sees it in the menu, on the page of the team, and by letter.
		bruno.Visit("/team")
		bruno.Sees(bruno.Say("nav.requestsopen", words.Args{"n": 1}), bruno.Say("team.requests", words.Args{"n": 1}))
		bruno.Visit("/team/requests") // as the menu leads, which stands twice in a page
		bruno.Sees(bruno.Say("req.lost"))
		bruno.Follow(bruno.Say("req.row", words.Args{"name": "Carla Nguyen", "at": asked}))
		bruno.Sees(bruno.Say("req.one", words.Args{"name": "Carla Nguyen"}), bruno.Say("re.check", words.Args{"name": "Carla Nguyen"}),
			bruno.Say("re.apps", words.Args{"n": 1}), bruno.Say("req.matchhint"))
		bruno.SeesNot(matchCode, matchCode[:2]+"\u00a0"+matchCode[2:])

		// Six digits are not what anybody reads out; what was said otherwise is kept.
		match, reason := bruno.Say("req.match", words.Args{"name": "Carla Nguyen"}), bruno.Say("re.reason")
		bruno.Fill(match, "634977")
		bruno.Tick(bruno.Say("re.v.phone"))
		bruno.Fill(reason, "lost phone <b>, called the number I know")
		bruno.Press(bruno.Say("req.approve"))
		bruno.Sees(bruno.Say("req.six"))
		if bruno.Holds(match) != "" || bruno.Holds(reason) != "lost phone <b>, called the number I know" {
			t.Errorf("the fields hold %q and %q", bruno.Holds(match), bruno.Holds(reason))
		}
		bruno.Fill(match, string('0'+(matchCode[0]-'0'+1)%10)+matchCode[1:])
		bruno.Press(bruno.Say("req.approve"))
		bruno.Sees(bruno.Say("req.nomatch", words.Args{"n": 2}))
		bruno.Fill(match, matchCode[:2]+" "+matchCode[2:])
		bruno.Press(bruno.Say("req.approve"))
		bruno.IsAt("/team/users/"+carla.who.ID, http.StatusOK)
		bruno.Sees(bruno.Say("re.donenone", words.Args{"name": "Carla Nguyen"}), "lost phone <b>, called the number I know")
		bruno.SeesNot(bruno.Say("nav.requestsopen", words.Args{"n": 1}))
		bruno.Visit("/team/requests")
		bruno.Sees(bruno.Say("req.empty"), bruno.Say("req.done"), "Bruno Costa")

		// She is told why her page is over; the same password leads to activation.
		carla.Follow(carla.Say("common.again"))
		carla.IsAt("/sign-in", http.StatusOK)
		carla.Sees(carla.Say("signin.restarted"))
		other.Reload()
		other.IsAt("/sign-in", http.StatusOK)
		other.Sees(other.Say("step.timeout"))
		carla.givesPassword()
		carla.activates(t)
		carla.IsAt("/", http.StatusOK)
		if letters := a.LettersTo("carla"); !slices.Contains(letters, a.Words(words.English).Say("mail.restarted.s")) {
			t.Errorf("Carla's letters: %q", letters)
		}
	})
}

// What else becomes of a request, by page: withdrawn, refused, ended, expired, and
// nobody to ask.
func TestAskPages(t *testing.T) {
	t.Parallel()
	eachLanguage(t, others, func(t *testing.T, a *apptest.App, l words.Language) {
		carla, ana := walk(a, "carla", l), walk(a, "ana", l)
		carla.asksOnPage(t)
		carla.Press(carla.Say("ask.withdraw"))
		carla.Sees(carla.Say("ask.withdrawn"), carla.Say("ask.what"))

		a.Pass(time.Minute) // lists name requests by the minute
		carla.Tick(carla.Say("ask.new"))
		carla.Press(carla.Say("ask.button"))
		asked, matchCode := a.Clock.Now(), carla.readsMatchCode(t)
		ana.signsIn()
		ana.Visit("/team/requests")
		ana.Follow(ana.Say("req.row", words.Args{"name": "Carla Nguyen", "at": asked}))
		for range 3 {
			ana.Fill(ana.Say("req.match", words.Args{"name": "Carla Nguyen"}), string('0'+(matchCode[0]-'0'+1)%10)+matchCode[1:])
			ana.Tick(ana.Say("re.v.video"))
			ana.Fill(ana.Say("re.reason"), "seen on video, I think")
			ana.Press(ana.Say("req.approve"))
		}
		ana.Sees(ana.Say("refusal.match-codes-over"), ana.Say("req.end.wrong_match_codes"))
		carla.Follow(carla.Say("common.again"))
		carla.Sees(carla.Say("ask.ended"))

		a.Pass(time.Minute)
		carla.Tick(carla.Say("ask.other"))
		carla.Press(carla.Say("ask.button"))
		carla.readsMatchCode(t)
		asked = a.Clock.Now()
		ana.Visit("/team/requests")
		ana.Follow(ana.Say("req.row", words.Args{"name": "Carla Nguyen", "at": asked}))
		ana.Fill(ana.Say("req.why"), strings.Repeat("x", 201))
		ana.Press(ana.Say("req.refuse"))
		ana.Sees(ana.Say("refusal.reason-too-long", words.Args{"n": 200}))
		ana.Fill(ana.Say("req.why"), "not reached")
		ana.Press(ana.Say("req.refuse"))
		ana.Sees(ana.Say("req.refused", words.Args{"name": "Carla Nguyen"}))
		carla.Follow(carla.Say("common.again"))
		carla.Sees(carla.Say("ask.refused"), carla.Say("refusal.request-pause", words.Args{"time": time.Hour}))

		a.Pass(61 * time.Minute)
		carla.asksOnPage(t)
		a.Pass(72 * time.Hour)
		carla.Visit("/")
		carla.givesPassword()
		carla.Follow(carla.Say("step.none"))
		carla.Sees(carla.Say("ask.expired", words.Args{"time": 72 * time.Hour}))

		zoe := walk(a, "zoe", l)
		zoe.Visit("/")
		zoe.givesPassword()
		zoe.Follow(zoe.Say("step.none"))
		zoe.Sees(zoe.Say("ask.sole"))
		zoe.SeesNot(zoe.Say("ask.button"))
	})
}

// Whoever must not answer a request sees nothing of it, by page and by address.
func TestWhoSeesNoRequests(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, a *apptest.App) {
		ana, bruno, zoe := walk(a, "ana", words.English), walk(a, "bruno", words.English), walk(a, "zoe", words.English)
		ana.asksOnPage(t)
		bruno.signsIn()
		zoe.signsIn()
		for _, w := range []*walker{bruno, zoe} {
			w.Visit("/team/requests")
			w.Sees(w.Say("req.empty"))
			w.SeesNot("Ana Silva asked")
		}
		olga := a.Client()
		answer := olga.Call("POST", "/sign-in", map[string]any{"email": a.Person("olga").Email, "password": apptest.Password})
		answer = olga.Call("POST", "/sign-in/second-step", map[string]any{"attempt": answer.Get("attempt"), "code": a.Person("olga").Phone.Code()})
		olga.Token = answer.Get("session.token")
		id := olga.Call("GET", "/team/requests", nil).Get("items.0.id")
		if id == "" {
			t.Fatal("Olga sees no request")
		}
		bruno.Visit("/team/requests/" + id)
		bruno.IsAt("/team/requests/"+id, http.StatusForbidden)
		zoe.Visit("/team/requests/" + id)
		zoe.IsAt("/team/requests/"+id, http.StatusNotFound)
	})
}

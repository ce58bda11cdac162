package doorstep_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
)

// TestScenarios runs testdata/script: what Doorstep does, told in plain words
// about a made-up team, over the JSON API (a few over pages), on both engines.
// testdata/script/README.md explains the words.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{apptest.SQLite, apptest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			if engine == apptest.Postgres {
				apptest.NeedPostgres(t)
			}
			testscript.Run(t, testscript.Params{
				Dir:                "testdata/script",
				RequireUniqueNames: true,
				Setup: func(env *testscript.Env) error {
					env.Values[storyKey{}] = &story{t: env.T().(testing.TB), engine: engine, people: map[string]*actor{}}
					return nil
				},
				Cmds: sentences(),
			})
		})
	}
}

// story is one script while it runs.
type story struct {
	t      testing.TB
	engine string
	app    *apptest.App // started by the first sentence
	people map[string]*actor
	last   *apptest.Answer
	from   string // of which sentence
	token  string // of the link that somebody found in a letter
}

type storyKey struct{}

// ok is a sentence's answer that nobody refused, where no API was asked.
var ok = &apptest.Answer{Status: 200}

type sentence = func(ts *testscript.TestScript, neg bool, args []string)

// everybody whom scripts may introduce: the cast, and who joins it.
var everybody = []string{"ana", "olga", "bruno", "carla", "elena", "farid", "zoe", "gina", "hugo"}

// sentences are what a line of a script may begin with.
func sentences() map[string]sentence {
	on := func(run func(s *story, ts *testscript.TestScript, neg bool, args []string)) sentence {
		return func(ts *testscript.TestScript, neg bool, args []string) {
			s := ts.Value(storyKey{}).(*story)
			s.start(apptest.Options{Engine: s.engine})
			run(s, ts, neg, args)
		}
	}
	all := map[string]sentence{
		"person": on((*story).person), "time": on((*story).time), "console": on((*story).console), "refused": on((*story).refused),
		"answer": on((*story).answer), "recorded": on((*story).recorded),
		"newcomer": on(func(s *story, ts *testscript.TestScript, _ bool, args []string) {
			s.app.Newcomer(args[0])
			s.introduce(args[0])
		}),
		"nobody": func(ts *testscript.TestScript, neg bool, args []string) {
			s := ts.Value(storyKey{}).(*story)
			empty, err := apptest.Nobody()
			ts.Check(err)
			s.start(apptest.Options{Engine: s.engine, State: empty})
		},
	}
	for _, name := range everybody {
		all[name] = on(func(s *story, ts *testscript.TestScript, neg bool, args []string) { s.does(ts, neg, name, args) })
	}
	return all
}

func (s *story) start(o apptest.Options) {
	if s.app == nil {
		s.app = apptest.Start(s.t, o)
	}
}

// person introduces somebody of the cast: `person carla member active`.
func (s *story) person(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 3 || len(args) > 5 {
		ts.Fatalf("person NAME ROLE 2-STEP [of TEAM]")
	}
	if !s.app.Knows(args[0]) {
		ts.Fatalf("there is no %s in the cast", args[0])
	}
	p := s.app.Person(args[0])
	state := map[string]string{"elena": "grace", "farid": "invited"}[args[0]]
	if state == "" {
		state = "active"
	}
	team := "Northwind"
	if len(args) == 5 {
		team = args[4]
	}
	if string(p.Role) != args[1] || state != args[2] || p.Team != team {
		ts.Fatalf("%s is %s %s of %s", args[0], p.Role, state, p.Team)
	}
	s.introduce(args[0])
}

func (s *story) introduce(name string) *actor {
	a := &actor{name: name, app: s.app, self: s.app.Person(name), devices: map[string]*device{}}
	s.people[name] = a
	return a
}

// time passes: `time passes 31s`.
func (s *story) time(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 || args[0] != "passes" {
		ts.Fatalf("time passes DURATION")
	}
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	s.app.Pass(d)
}

// console is the operator at the server's own console.
func (s *story) console(ts *testscript.TestScript, neg bool, args []string) {
	var err error
	switch {
	case match(args, "adds", "*", "*", "*") || match(args, "adds", "*", "*", "*", "without", "password"):
		s.consoleAdds(ts, args[1], core.Role(args[2]), args[3], len(args) == 4)
		return
	case match(args, "restarts", "*", "for", "*"):
		var receipt *core.Restart
		receipt, err = s.app.RestartFromConsole(args[1], args[3])
		s.last = &apptest.Answer{Status: 200}
		if receipt != nil {
			s.last.JSON = map[string]any{"sessions_ended": float64(receipt.SessionsEnded), "recovery_codes_removed": float64(receipt.RecoveryCodesRemoved)}
			s.handOver(args[1], receipt.Pass)
		}
	case match(args, "brings", "back", "*", "for", "*"):
		s.last, err = &apptest.Answer{Status: 200}, s.app.BringBackFromConsole(args[2], args[4])
	case match(args, "prints", "setup", "link"):
		var link string
		link, err = s.app.SetupLink()
		s.last = &apptest.Answer{Status: 200}
		ts.Setenv("SETUP_LINK", link)
	default:
		ts.Fatalf("the console cannot: %s", strings.Join(args, " "))
	}
	if r := core.Refused(err); r != nil {
		s.last = &apptest.Answer{Status: 409, JSON: map[string]any{"type": "urn:doorstep:problem:" + string(r.Code)}}
	} else {
		ts.Check(err)
	}
	s.judge(ts, neg, "console "+strings.Join(args, " "))
}

func (s *story) consoleAdds(ts *testscript.TestScript, name string, role core.Role, team string, password bool) {
	if !slices.Contains(everybody, name) {
		ts.Fatalf("%s cannot be added: only %s", name, strings.Join(everybody, ", "))
	}
	link := s.app.Add(name, strings.ToUpper(name[:1])+name[1:]+" Weber", role, team, password)
	ts.Setenv("PASSWORD_LINK", link)
	s.introduce(name)
}

// judge compares what came with what the script says: `!` is "in vain".
func (s *story) judge(ts *testscript.TestScript, neg bool, what string) {
	s.from = what
	switch {
	case neg && s.last.OK():
		ts.Fatalf("%s: not refused: %s", what, s.last)
	case !neg && !s.last.OK():
		ts.Fatalf("%s: refused: %s", what, s.last)
	}
}

// refused looks at the refusal that came last:
// `refused wrong-code [because REASON] [wait DURATION] [left N] [status N]`.
func (s *story) refused(ts *testscript.TestScript, _ bool, args []string) {
	if s.last == nil || s.last.OK() || len(args)%2 != 1 {
		ts.Fatalf("nothing was refused")
	}
	want := map[string]string{"problem": args[0]}
	for i := 1; i < len(args); i += 2 {
		want[args[i]] = args[i+1]
	}
	for what, value := range want {
		got := s.last.Problem()
		switch what {
		case "because":
			got = s.last.Get("reason")
		case "wait":
			d, err := time.ParseDuration(value)
			ts.Check(err)
			got, value = s.last.Get("retry_after_seconds"), fmt.Sprint(int(d.Seconds()))
			if header := s.last.Header.Get("Retry-After"); header != got {
				ts.Fatalf("%s: Retry-After is %q, the answer says %s", s.from, header, got)
			}
		case "left":
			got = s.last.Get("attempts_left")
		case "status":
			got = fmt.Sprint(s.last.Status)
		case "problem":
		default:
			ts.Fatalf("what is %q?", what)
		}
		if got != value {
			ts.Fatalf("%s: %s is %q, want %q: %s", s.from, what, got, value, s.last)
		}
	}
}

// answer looks into the answer that came last: `answer session.reach is full`.
func (s *story) answer(ts *testscript.TestScript, neg bool, args []string) {
	if match(args, "*", "is", "kept", "as", "*") && s.last != nil {
		ts.Setenv(args[4], s.last.Get(args[0]))
		return
	}
	if len(args) != 3 || args[1] != "is" || s.last == nil {
		ts.Fatalf("answer FIELD is VALUE, after somebody asked something")
	}
	if got := s.last.Get(args[0]); (got == args[2]) == neg {
		ts.Fatalf("%s: %s is %q: %s", s.from, args[0], got, s.last)
	}
}

// recorded looks into the audit log: `recorded two_step.restarted about carla`.
func (s *story) recorded(ts *testscript.TestScript, neg bool, args []string) {
	if !match(args, "*", "about", "*") {
		ts.Fatalf("recorded EVENT about NAME")
	}
	if n := s.app.Events(args[0], args[2]); (n > 0) == neg {
		ts.Fatalf("%s is recorded %d times", args[0], n)
	}
}

// match compares words with a pattern in which "*" is any word.
func match(args []string, pattern ...string) bool {
	return len(args) == len(pattern) && starts(args, pattern...)
}

// starts is match for the first words.
func starts(args []string, pattern ...string) bool {
	if len(args) < len(pattern) {
		return false
	}
	for i, p := range pattern {
		if p != "*" && p != args[i] {
			return false
		}
	}
	return true
}

package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
	"doorstep/internal/words"
)

const policyPath = "/team/policy"

// policyPage is what the team decides: a form for owners, for admins a list to
// read.
type policyPage struct {
	common
	Rows    []settingRow
	Version int64  // that the form shows: whoever saved meanwhile is not overwritten
	MayNot  string // why this person can only read it, "" when they can change it
}

// setting is one thing that a team decides. A new one is a line in settings, its
// hint in the messages, and where it is of another kind, a part of the template.
type setting struct {
	field string // in the form, and in core's refusals
	label string // key of the messages; its hint is this with ".hint"

	row  func(v *visit, p *core.Policy, typed typed, r *settingRow) // what the policy holds, for the page
	read func(v *visit, c *core.PolicyChange)                       // what the form says, for the verb
}

// typed is what was typed into a field and not saved yet, else what it holds.
type typed func(field, otherwise string) string

// settings are all of them, in the order of the page.
func settings() []setting {
	return []setting{
		yesOrNo("two_step_required", "pol.required",
			func(p *core.Policy) bool { return p.TwoStepRequired },
			func(c *core.PolicyChange, yes *bool) { c.TwoStepRequired = yes }),
		lasting("grace", "pol.grace", core.RangeGrace, []string{"days"},
			func(p *core.Policy) time.Duration { return p.Grace },
			func(c *core.PolicyChange, d *time.Duration) { c.Grace = d }),
		lasting("activation_window", "pol.window", core.RangeActivationWindow, []string{"hours", "days"},
			func(p *core.Policy) time.Duration { return p.ActivationWindow },
			func(c *core.PolicyChange, d *time.Duration) { c.ActivationWindow = d }),
		lasting("containment", "pol.contain", core.RangeContainment, []string{"hours", "days"},
			func(p *core.Policy) time.Duration { return p.Containment },
			func(c *core.PolicyChange, d *time.Duration) { c.Containment = d }),
		passFor(),
		yesOrNo("second_approver", "pol.second",
			func(p *core.Policy) bool { return p.SecondApprover },
			func(c *core.PolicyChange, yes *bool) { c.SecondApprover = yes }),
		restartsPerHour(),
		yesOrNo("deactivation_allowed", "pol.deact",
			func(p *core.Policy) bool { return p.DeactivationAllowed },
			func(c *core.PolicyChange, yes *bool) { c.DeactivationAllowed = yes }),
		lasting("session_idle", "pol.idle", core.RangeSessionIdle, []string{"minutes", "hours"},
			func(p *core.Policy) time.Duration { return p.SessionIdle },
			func(c *core.PolicyChange, d *time.Duration) { c.SessionIdle = d }),
		lasting("session_absolute", "pol.max", core.RangeSessionAbsolute, []string{"hours", "days"},
			func(p *core.Policy) time.Duration { return p.SessionAbsolute },
			func(c *core.PolicyChange, d *time.Duration) { c.SessionAbsolute = d }),
		risky("pol.risk", func(p *core.Policy) bool { return p.RememberDevices > 0 }, lasting("remember_devices", "pol.remember", core.RangeRememberDevices, []string{"days"},
			func(p *core.Policy) time.Duration { return p.RememberDevices },
			func(c *core.PolicyChange, d *time.Duration) { c.RememberDevices = d })),
		{field: "return_hosts", label: "pol.hosts", row: hostsRow, read: readHosts},
	}
}

// settingRow is a setting on the page.
type settingRow struct {
	Field, Label, Hint string
	Risk               string   // what speaks against it, before anybody turns it on …
	AtRisk             bool     // … and whether it is on
	Says               []string // what holds, for who only reads
	Weaker             bool     // than the default
	Value              string   // for who writes; as typed, when that was refused
	Units              []option // of a time
	Choices            []option // of a setting that has a few values
	Number             bool     // a count; what is none of these is a text of several lines
}

// unitOf are the units that a time can be written in, by the value of their choice.
var unitOf = map[string]time.Duration{"minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}

// lasting is a setting that is a time: a number and a unit.
func lasting(field, label string, in core.PolicyRange, units []string, of func(*core.Policy) time.Duration, to func(*core.PolicyChange, *time.Duration)) setting {
	return setting{
		field: field, label: label,
		row: func(v *visit, p *core.Policy, typed typed, r *settingRow) {
			began := core.DefaultPolicy()
			r.Hint = v.say(label+".hint", words.Args{"min": edge.Exactly(v.words, in.Least), "max": edge.Exactly(v.words, in.Most)}) + " " + v.byDefault(v.lastingFor(label, of(&began)))
			d := of(p)
			n, unit, choice := asTyped(d, units)
			r.Says = []string{v.lastingFor(label, d)}
			r.Value = typed(field, strconv.Itoa(n))
			unit = typed(unitField(field), unit)
			for _, name := range choice {
				r.Units = append(r.Units, option{name, v.say("pol.unit." + name), name == unit})
			}
		},
		read: func(v *visit, c *core.PolicyChange) {
			if v.r.PostForm.Has(field) {
				d := readTime(v.sent(field), v.sent(unitField(field)))
				to(c, &d)
			}
		},
	}
}

// byDefault says what a team begins with.
func (v *visit) byDefault(value string) string {
	return v.say("pol.default", words.Args{"value": value})
}

// lastingFor is a time of the policy in words; what 0 means is the setting's own.
func (v *visit) lastingFor(label string, d time.Duration) string {
	switch {
	case d > 0:
		return edge.Exactly(v.words, d)
	case v.words.Has(label + ".none"):
		return v.say(label + ".none")
	}
	return v.say("pol.never")
}

// choosing is a setting that has a few values; their words are keys that end as the
// values do.
func choosing(field, label, prefix string, values []string, of func(*core.Policy) string, to func(*core.PolicyChange, string)) setting {
	return setting{
		field: field, label: label,
		row: func(v *visit, p *core.Policy, typed typed, r *settingRow) {
			began := core.DefaultPolicy()
			r.Hint = v.say(label+".hint") + " " + v.byDefault(v.say(prefix+of(&began)))
			r.Says = []string{v.say(prefix + of(p))}
			chosen := typed(field, of(p))
			for _, value := range values {
				r.Choices = append(r.Choices, option{value, v.say(prefix + value), value == chosen})
			}
		},
		read: func(v *visit, c *core.PolicyChange) {
			if v.r.PostForm.Has(field) {
				to(c, v.sent(field))
			}
		},
	}
}

// yesOrNo leaves what holds where the form says neither.
func yesOrNo(field, label string, of func(*core.Policy) bool, to func(*core.PolicyChange, *bool)) setting {
	named := map[bool]string{true: "yes", false: "no"}
	return choosing(field, label, "pol.", []string{"yes", "no"},
		func(p *core.Policy) string { return named[of(p)] },
		func(c *core.PolicyChange, text string) {
			if yes := text == "yes"; yes || text == "no" {
				to(c, &yes)
			}
		})
}

func passFor() setting {
	var values []string
	for _, value := range core.PassForValues() {
		values = append(values, string(value))
	}
	return choosing("pass_for", "pol.pass", "pol.pass.", values,
		func(p *core.Policy) string { return string(p.PassFor) },
		func(c *core.PolicyChange, text string) { c.PassFor = (*core.PassFor)(&text) })
}

func restartsPerHour() setting {
	const field = "restarts_per_hour"
	return setting{
		field: field, label: "pol.limit",
		row: func(v *visit, p *core.Policy, typed typed, r *settingRow) {
			r.Hint = v.say("pol.limit.hint", words.Args{"min": core.RestartsPerHourLeast, "max": core.RestartsPerHourMost}) + " " +
				v.byDefault(v.words.Number(core.DefaultPolicy().RestartsPerHour))
			r.Says = []string{v.words.Number(p.RestartsPerHour)}
			r.Value, r.Number = typed(field, strconv.Itoa(p.RestartsPerHour)), true
		},
		read: func(v *visit, c *core.PolicyChange) {
			if v.r.PostForm.Has(field) {
				n, err := strconv.Atoi(strings.TrimSpace(v.sent(field)))
				if err != nil {
					n = -1 // no range has it: refused together with all else that is wrong
				}
				c.RestartsPerHour = &n
			}
		},
	}
}

func unitField(field string) string { return field + "_unit" }

// asTyped writes a time in the largest of its units that leaves nothing over, and
// adds a smaller one to choose from where the API set what none of them can say.
func asTyped(d time.Duration, units []string) (n int, unit string, choice []string) {
	for _, name := range slices.Backward(units) {
		if d%unitOf[name] == 0 {
			return int(d / unitOf[name]), name, units
		}
	}
	for _, name := range []string{"hours", "minutes"} {
		if d%unitOf[name] == 0 {
			return int(d / unitOf[name]), name, append([]string{name}, units...)
		}
	}
	return int(d / time.Minute), "minutes", append([]string{"minutes"}, units...)
}

// longestTyped is far above every range and far below what a Duration holds.
const longestTyped = 100_000

// readTime reads a number and its unit. What is neither is a time that no range
// has, so that core refuses it together with all else that is wrong.
func readTime(number, unit string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 0 || n > longestTyped || unitOf[unit] == 0 {
		return -1
	}
	return time.Duration(n) * unitOf[unit]
}

// risky adds to a setting what speaks against it.
func risky(key string, on func(*core.Policy) bool, s setting) setting {
	plain := s.row
	s.row = func(v *visit, p *core.Policy, typed typed, r *settingRow) {
		plain(v, p, typed, r)
		r.Risk, r.AtRisk = v.say(key), on(p)
	}
	return s
}

func hostsRow(v *visit, p *core.Policy, typed typed, r *settingRow) {
	r.Hint = v.say("pol.hosts.hint", words.Args{"n": core.ReturnHostsMost})
	r.Value = typed(r.Field, strings.Join(p.ReturnHosts, "\n"))
	if r.Says = p.ReturnHosts; len(r.Says) == 0 {
		r.Says = []string{v.say("pol.hosts.none")}
	}
}

// readHosts cuts at the ends of lines alone: a space inside of a line is a mistake
// to hear of, not a second host.
func readHosts(v *visit, c *core.PolicyChange) {
	if v.r.PostForm.Has("return_hosts") {
		hosts := strings.Split(v.sent("return_hosts"), "\n")
		c.ReturnHosts = &hosts
	}
}

// policyFields are the inputs of the form, which a step-up must not lose.
func policyFields() []string {
	names := []string{"version"}
	for _, s := range settings() {
		names = append(names, s.field, unitField(s.field))
	}
	return names
}

func showPolicy(v *visit) error {
	policy, err := v.core.Policy(v.ctx(), v.by())
	if err != nil {
		return err
	}
	return v.showPolicyAs(policy, nil)
}

// showPolicyAs shows what holds or, where effect is set, what was typed and what it
// would do.
func (v *visit) showPolicyAs(policy *core.Policy, effect *core.PolicyEffect) error {
	typed := typed(v.retyped)
	if r := v.refused; r != nil && r.Code == core.PolicyChanged {
		// What holds now is shown, to be looked at before it is changed.
		typed = func(_, otherwise string) string { return otherwise }
	}
	p := &policyPage{common: v.common(v.say("nav.policy")), Version: policy.Version, MayNot: v.whyNotPolicy(policy.MayNotChange)}
	if n, err := strconv.ParseInt(typed("version", ""), 10, 64); err == nil {
		p.Version = n
	}
	p.Main = "mid"
	weaker := policy.Weaker()
	if effect != nil {
		weaker = effect.Policy.Weaker()
	}
	labels := map[string]string{}
	for _, s := range settings() {
		row := settingRow{Field: s.field, Label: v.say(s.label), Weaker: slices.Contains(weaker, s.field)}
		s.row(v, policy, typed, &row)
		p.Rows = append(p.Rows, row)
		labels[s.field] = row.Label
		for i := range p.Problems {
			if p.Problems[i].Field == s.field {
				p.Problems[i].Label = row.Label // several settings can be refused with one sentence
			}
		}
	}
	if effect != nil {
		p.Banner = v.effectBanner(effect, labels)
	}
	return v.show("policy", p)
}

// effectBanner says in sentences what a change would do: the numbers of people
// concerned, and which of what it touches is then weaker than the default.
func (v *visit) effectBanner(e *core.PolicyEffect, labels map[string]string) *banner {
	if len(e.Changed) == 0 {
		return &banner{Tone: "info", Lines: []string{v.say("pol.effect.same")}}
	}
	b := &banner{Tone: "info", Lines: []string{v.say("pol.effect.unsaved")}}
	for _, x := range []struct {
		key string
		n   int
	}{
		{"pol.effect", e.MustActivate},
		{"pol.effect.now", e.MustActivateNow},
		{"pol.effect.more", e.MoreDays},
		{"pol.effect.freed", e.Freed},
		{"pol.effect.sessions", e.SessionsEnd},
		{"pol.effect.devices", e.DevicesForgotten},
		{"pol.effect.paused", e.MayNotDeactivate},
	} {
		if x.n > 0 {
			b.Lines = append(b.Lines, v.say(x.key, words.Args{"n": x.n, "at": e.MustActivateBy}))
		}
	}
	if len(b.Lines) == 1 {
		b.Lines = append(b.Lines, v.say("pol.effect.nobody"))
	}
	for _, field := range e.Policy.Weaker() {
		if slices.Contains(e.Changed, field) {
			b.Tone = "warn"
			b.Lines = append(b.Lines, v.say("pol.effect.weaker", words.Args{"setting": labels[field]}))
		}
	}
	return b
}

// whyNotPolicy says why the form is not there, "" when it is.
func (v *visit) whyNotPolicy(r *core.Refusal) string {
	switch {
	case r == nil:
		return ""
	case r.Code == core.OwnerOnly:
		return v.say("pol.owneronly")
	}
	return edge.Sentence(v.words, r)
}

// sentPolicy is what the form says.
func (v *visit) sentPolicy() core.PolicyChange {
	change := core.PolicyChange{}
	if text := v.sent("version"); text != "" {
		seen, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			seen = -1 // no version that there ever was
		}
		change.Seen = seen
	}
	for _, s := range settings() {
		s.read(v, &change)
	}
	return change
}

// lookAtPolicy says what the form would do, and saves nothing.
func lookAtPolicy(v *visit) error {
	effect, err := v.core.PolicyEffect(v.ctx(), v.by(), v.sentPolicy())
	if err != nil {
		return err
	}
	policy, err := v.core.Policy(v.ctx(), v.by())
	if err != nil {
		return err
	}
	return v.showPolicyAs(policy, effect)
}

func changePolicy(v *visit) error {
	if _, err := v.core.ChangePolicy(v.ctx(), v.by(), v.sentPolicy()); err != nil {
		return err
	}
	v.tell(notice{Says: "pol.saved"})
	return v.see(policyPath)
}

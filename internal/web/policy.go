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
	Value              string   // for who writes; as typed, when that was refused
	Units              []option // of a time; a text of several lines has none
}

// unitOf are the units that a time can be written in, by the value of their choice.
var unitOf = map[string]time.Duration{"minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour}

// lasting is a setting that is a time: a number and a unit.
func lasting(field, label string, in core.PolicyRange, units []string, of func(*core.Policy) time.Duration, to func(*core.PolicyChange, *time.Duration)) setting {
	return setting{
		field: field, label: label,
		row: func(v *visit, p *core.Policy, typed typed, r *settingRow) {
			r.Hint = v.say(label+".hint", words.Args{"min": edge.Exactly(v.words, in.Least), "max": edge.Exactly(v.words, in.Most)})
			d := of(p)
			n, unit, choice := asTyped(d, units)
			if r.Says = []string{edge.Exactly(v.words, d)}; d == 0 {
				r.Says[0] = v.say("pol.never")
			}
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
	for _, s := range settings() {
		row := settingRow{Field: s.field, Label: v.say(s.label)}
		s.row(v, policy, typed, &row)
		p.Rows = append(p.Rows, row)
		for i := range p.Problems {
			if p.Problems[i].Field == s.field {
				p.Problems[i].Label = row.Label // several settings can be refused with one sentence
			}
		}
	}
	return v.show("policy", p)
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

func changePolicy(v *visit) error {
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
	if _, err := v.core.ChangePolicy(v.ctx(), v.by(), change); err != nil {
		return err
	}
	v.tell(notice{Says: "pol.saved"})
	return v.see(policyPath)
}

package core

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A list of people is a walk along one index, from a cursor on. Each condition of a
// question (a typed word, the filters) is a way of its own; the one along which there
// are the fewest people is walked, and the others are looked up of those who are met.
// So what a question costs is bounded by what it looks at, never by the team.

const (
	// CountMost is how far people are counted; beyond it Count says "more than".
	CountMost = 1000
	// lookMost is at how many people a walk looks for those whom the other conditions
	// let through: all of them along a way of CountMost.
	lookMost = CountMost
	// walkStep is at how many people it looks at once. SQLite looks a parameter up by
	// its name among all others, so ten times as many cost a hundred times as much.
	walkStep = 64
	// wordWays is how many typed words are tried as ways.
	wordWays = 3
)

// Count is a number of people that is exact up to CountMost. With More there are
// more than N, or, where it took too many looks to find them, at least N.
type Count struct {
	N    int
	More bool
}

// peopleQuestion is a PeopleFilter that was read.
type peopleQuestion struct {
	teamID  string
	words   []string
	role    Role
	twoStep TwoStep
	codes   *int
	now     time.Time
	ways    []*way // one for each condition
}

// readQuestion refuses what no list can be filtered by.
// Refuses: role-invalid, invalid-field.
func readQuestion(teamID string, f PeopleFilter, now time.Time) (*peopleQuestion, error) {
	if f.Role != "" && f.Role.rank() < 0 {
		return nil, refuseField(RoleInvalid, "role")
	}
	switch f.TwoStep {
	case "", TwoStepOff, TwoStepActive, TwoStepDue, TwoStepNotActive, TwoStepGrace, TwoStepWaiting:
	default:
		return nil, refuseField(InvalidField, "two_step").with("field", "two_step")
	}
	if f.CodesLeft != nil && (*f.CodesLeft < 0 || *f.CodesLeft > codesInSet) {
		return nil, refuseField(InvalidField, "recovery_codes_left").with("field", "recovery_codes_left")
	}
	q := &peopleQuestion{teamID: teamID, words: typedWords(f.Query), role: f.Role, twoStep: f.TwoStep, codes: f.CodesLeft, now: now}
	q.ways = q.makeWays()
	return q, nil
}

// noCodes is the number of codes of somebody who has no set.
const noCodes = -1

// admits says whether all conditions hold of a person with so many codes left.
func (q *peopleQuestion) admits(u *userRow, codes int) bool {
	if q.role != "" && u.role != q.role || q.codes != nil && codes != *q.codes {
		return false
	}
	switch q.twoStep {
	case "":
	case TwoStepWaiting:
		if u.twoStep != TwoStepDue || u.dueReason != DueRestarted {
			return false
		}
	case TwoStepNotActive:
		if u.twoStep == TwoStepActive {
			return false
		}
	case TwoStepGrace:
		if u.state(q.now) != TwoStepOff || u.dueBy == 0 {
			return false
		}
	default:
		if u.state(q.now) != q.twoStep {
			return false
		}
	}
	return u.foundBy(q.words)
}

// way is where a condition can be walked: one or several stretches of indexes, each
// in the order of the way, that are merged.
type way struct {
	order     string // which cursors hold on it: those of names, or of one typed word
	stretches []stretch
	args      []any  // of all stretches
	word      string // the typed word, on stretches of words
	wide      *way   // the way to walk instead where too many would be gathered
	strays    bool   // not everybody on it fulfils its condition

	met      int // how many stand on it, as far as they were counted
	overfull bool
}

// stretch is FROM … WHERE …, of an index, or of CountMost+1 that were gathered
// out of order.
type stretch struct {
	from     string
	gathered bool
}

const orderOfNames = "name"

func ofNames(args []any, stretches ...stretch) *way {
	return &way{order: orderOfNames, stretches: stretches, args: args}
}

// makeWays makes a way of each condition; without any it is the team in the order of
// names.
func (q *peopleQuestion) makeWays() []*way {
	var ways []*way
	for _, word := range q.words[:min(len(q.words), wordWays)] {
		ways = append(ways, &way{
			order: "word " + word, word: word,
			stretches: []stretch{{from: `FROM user_words WHERE team_id = $1 AND shared < $2`}}, args: []any{q.teamID, len(word)},
		})
	}
	if q.codes != nil {
		ways = append(ways, q.withCodes(*q.codes))
	}
	switch q.twoStep {
	case TwoStepActive:
		return append(ways, q.inStates(TwoStepActive))
	case TwoStepNotActive:
		return append(ways, q.inStates(TwoStepOff, TwoStepDue))
	case TwoStepWaiting:
		ways = append(ways, q.waiting())
	case TwoStepOff:
		ways = append(ways, q.divided(gathered(`due_by = 0`), gathered(`due_by > $2`)))
	case TwoStepGrace:
		ways = append(ways, q.divided(gathered(`due_by > $2`)))
	case TwoStepDue:
		ways = append(ways, q.divided(stretch{from: `FROM users WHERE team_id = $1 AND two_step = 'due'`}, gathered(`due_by > 0 AND due_by <= $2`)))
	}
	if q.role != "" {
		return append(ways, q.inStates(TwoStepOff, TwoStepActive, TwoStepDue))
	}
	if q.asksForAll() {
		return []*way{q.everybody()}
	}
	return ways
}

func (q *peopleQuestion) asksForAll() bool {
	return len(q.words) == 0 && q.role == "" && q.twoStep == "" && q.codes == nil
}

func (q *peopleQuestion) everybody() *way {
	return ofNames([]any{q.teamID}, stretch{from: `FROM users WHERE team_id = $1`})
}

// inStates is the way of those whose row says one of some states, of the asked role.
func (q *peopleQuestion) inStates(states ...TwoStep) *way {
	from, args := `FROM users WHERE team_id = $1`, []any{q.teamID}
	if q.role != "" {
		from, args = from+` AND role = $2`, append(args, string(q.role))
	}
	var stretches []stretch
	for _, state := range states {
		stretches = append(stretches, stretch{from: from + ` AND two_step = '` + string(state) + `'`})
	}
	return ofNames(args, stretches...)
}

// divided is the way of a state that a date divides from another: no index can hold
// "by now" in the order of names. Where few are on this side of the date they are
// gathered by it and then put in order; where many are, all that are not active are
// walked.
func (q *peopleQuestion) divided(stretches ...stretch) *way {
	y := ofNames([]any{q.teamID, ms(q.now)}, stretches...)
	y.wide = q.inStates(TwoStepOff, TwoStepDue)
	y.wide.strays = true
	return y
}

// waiting is the way of those who have to activate again after a restart.
func (q *peopleQuestion) waiting() *way {
	return ofNames([]any{q.teamID}, stretch{from: `FROM users WHERE team_id = $1 AND two_step = 'due' AND due_reason = 'restarted'`})
}

// withCodes is the way of those who have so many recovery codes left. A number that
// changes with each code has no place in an index of names: where few have it they are
// gathered and put in order; where many do, all that are active are walked.
func (q *peopleQuestion) withCodes(n int) *way {
	y := ofNames([]any{q.teamID, n}, stretch{gathered: true, from: `FROM (SELECT u.name_key, u.id FROM (SELECT user_id FROM codes_left WHERE team_id = $1 AND n = $2
		ORDER BY user_id LIMIT ` + strconv.Itoa(CountMost+1) + `) AS few JOIN users u ON u.id = few.user_id) AS gathered WHERE TRUE`})
	active := &peopleQuestion{teamID: q.teamID, role: q.role}
	y.wide = active.inStates(TwoStepActive)
	y.wide.strays = true
	return y
}

func gathered(due string) stretch {
	return stretch{gathered: true, from: `FROM (SELECT name_key, id FROM users WHERE team_id = $1 AND two_step = 'off' AND ` + due +
		` ORDER BY due_by, name_key, id LIMIT ` + strconv.Itoa(CountMost+1) + `) AS gathered WHERE TRUE`}
}

// position is a place on a way.
type position struct{ key, id string }

// start is where a walk begins, and in which direction it goes.
type start struct {
	inside bool // from a cursor, not from the first entry
	back   bool
	position
}

// sql is the way from a start on, up to a limit: the key and id of each entry.
func (y *way) sql(s start, limit int) (string, []any) {
	args := slices.Clone(y.args)
	mark := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	key, id, direction, compare := "name_key", "id", "", " > "
	if s.back {
		direction, compare = " DESC", " < "
	}
	var bounds string
	if y.word != "" {
		key, id = "word", "user_id"
		// The end from which a walk comes is bounded by its cursor alone: of two bounds an
		// engine may take the wider one and read all that is before the cursor.
		if !s.inside || s.back {
			bounds += " AND word >= " + mark([]byte(y.word))
		}
		if !s.inside || !s.back {
			bounds += " AND word < " + mark(append([]byte(y.word), 0xff)) // no text has this byte
		}
	}
	if s.inside {
		var at any = s.key
		if y.word != "" {
			at = []byte(s.key)
		}
		bounds += " AND (" + key + ", " + id + ")" + compare + "(" + mark(at) + ", " + mark(s.id) + ")"
	}
	// In order even if they are only counted: an engine must take the index of the way,
	// not one in which everybody stands.
	order := " ORDER BY " + key + direction + ", " + id + direction + " LIMIT " + mark(limit)
	if len(y.stretches) == 1 {
		return "SELECT " + key + ", " + id + " " + y.stretches[0].from + bounds + order, args
	}
	var parts []string
	for i, stretch := range y.stretches {
		parts = append(parts, "SELECT * FROM (SELECT "+key+", "+id+" "+stretch.from+bounds+order+") AS part"+strconv.Itoa(i))
	}
	return "SELECT * FROM (" + strings.Join(parts, " UNION ALL ") + ") AS merged" + order, args
}

// counts counts the people on each stretch of a way, in one query.
func (y *way) counts(r reader) ([]int, error) {
	var parts []string
	var args []any
	for _, one := range y.stretches {
		alone := *y
		alone.stretches = []stretch{one}
		text, ofAll := alone.sql(start{}, CountMost+1)
		parts, args = append(parts, "(SELECT COUNT(*) FROM ("+text+") AS counted)"), ofAll
	}
	met := make([]int, len(parts))
	into := make([]any, len(parts))
	for i := range met {
		into[i] = &met[i]
	}
	return met, r.row("SELECT "+strings.Join(parts, ", "), args...).Scan(into...)
}

func (y *way) measure(r reader) error {
	met, err := y.counts(r)
	for i, n := range met {
		y.met += n
		y.overfull = y.overfull || y.stretches[i].gathered && n > CountMost
	}
	return err
}

// measure counts the people along each way of the question, and those of the whole
// team and of them whose 2-step is not active.
func (q *peopleQuestion) measure(r reader) (total, notActive Count, err error) {
	all := &peopleQuestion{teamID: q.teamID}
	stretches := append(all.everybody().stretches, all.inStates(TwoStepOff, TwoStepDue).stretches...)
	met, err := ofNames([]any{q.teamID}, stretches...).counts(r)
	if err != nil {
		return total, notActive, err
	}
	for _, y := range q.ways {
		if q.asksForAll() {
			y.met = met[0]
		} else if err := y.measure(r); err != nil {
			return total, notActive, err
		}
	}
	return countOf(met[0]), countOf(met[1] + met[2]), nil
}

func countOf(n int) Count { return Count{min(n, CountMost), n > CountMost} }

func (y *way) count() Count { return countOf(y.met) }

// narrowest returns the way with the fewest people, of equal ones the first.
func narrowest(ways []*way) *way {
	best := slices.MinFunc(ways, func(a, b *way) int { return min(a.met, CountMost+1) - min(b.met, CountMost+1) })
	if best.overfull {
		return best.wide
	}
	return best
}

// next reads the entries that follow.
func (y *way) next(r reader, s start, limit int) ([]position, error) {
	text, args := y.sql(s, limit)
	var list []position
	err := r.each(text, args, func(scan func(...any) error) error {
		var p position
		err := scan(&p.key, &p.id)
		list = append(list, p)
		return err
	})
	return list, err
}

// walked is what a walk met: the places of whom the question admits, where it stood
// in the end, and whether that was the end of the way.
type walked struct {
	list  []position
	edge  position
	ended bool
}

// walk goes on until it has met `most` people whom the question admits, or has looked
// at lookMost.
func (q *peopleQuestion) walk(r reader, y *way, s start, most int) (walked, error) {
	w := walked{edge: s.position}
	if q.wholly(y) {
		var err error
		if w.list, err = y.next(r, s, most); len(w.list) > 0 {
			w.edge = w.list[len(w.list)-1]
		}
		w.ended = len(w.list) < most
		return w, err
	}
	for looked := 0; looked < lookMost && !w.ended; looked += walkStep {
		places, err := y.next(r, s, walkStep)
		if err != nil {
			return w, err
		}
		admitted, err := q.admitted(r, places)
		if err != nil {
			return w, err
		}
		for _, p := range places {
			if w.edge = p; !admitted[p.id] {
				continue
			}
			if w.list = append(w.list, p); len(w.list) == most {
				return w, nil
			}
		}
		s.inside, s.position = true, w.edge
		w.ended = len(places) < walkStep
	}
	return w, nil
}

// wholly says whether the way holds nobody but those asked for.
func (q *peopleQuestion) wholly(y *way) bool {
	return !y.strays && len(q.ways) == 1
}

// admitted looks at the people of some places, in one query.
func (q *peopleQuestion) admitted(r reader, places []position) (map[string]bool, error) {
	admitted := map[string]bool{}
	if len(places) == 0 {
		return admitted, nil
	}
	ids, args := anyOf(idsOf(places), q.teamID)
	err := r.each(`SELECT id, role, two_step, due_by, due_reason, name, email, COALESCE((SELECT l.n FROM codes_left l WHERE l.user_id = users.id), `+strconv.Itoa(noCodes)+`)
		FROM users WHERE `+ofTheTeam+` AND id IN `+ids, args, func(scan func(...any) error) error {
		var u userRow
		codes := noCodes
		err := scan(&u.id, (*string)(&u.role), (*string)(&u.twoStep), &u.dueBy, (*string)(&u.dueReason), &u.name, &u.email, &codes)
		admitted[u.id] = q.admits(&u, codes)
		return err
	})
	return admitted, err
}

// ofTheTeam names the team where rows are found by their ids. It compares a text made
// of the column, not the column: an engine that takes a team for small would rather
// go through all of it than look up a few ids.
const ofTheTeam = `team_id || '' = $1`

func idsOf(places []position) []string {
	ids := make([]string, len(places))
	for i, p := range places {
		ids[i] = p.id
	}
	return ids
}

// anyOf is a list for IN, its parameters numbered behind others. It is filled up to a
// power of two with its last id, so that lists of any length make a few texts.
func anyOf(ids []string, before ...any) (list string, args []any) {
	size := 1
	for size < len(ids) {
		size *= 2
	}
	marks := make([]string, size)
	for i := range marks {
		before = append(before, ids[min(i, len(ids)-1)])
		marks[i] = "$" + strconv.Itoa(len(before))
	}
	return "(" + strings.Join(marks, ", ") + ")", before
}

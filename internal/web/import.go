package web

import (
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

const importPath = "/team/import"

// importPage is where a file is chosen, or its text pasted.
type importPage struct {
	common
	Text string
	Hint string
}

// importLookPage says what a file would do, and once it is confirmed what it did.
type importLookPage struct {
	common
	ID       string
	Done     bool
	Guessed  bool // in which letters it was written
	Ready    string
	Bad      string
	LeaveOut bool
	Wrong    []badLine
	First    []core.ImportLine
	More     string
	Until    string
	Links    []handover
}

type badLine struct{ Line, Text, Why string }

// importShown is how many of the people who will be invited are listed.
const importShown = 20

func showImport(v *visit) error {
	return v.show("import", &importPage{
		common: v.common(v.say("csv.title")), Text: v.retyped("text", ""), Hint: v.say("csv.size", words.Args{"n": core.ImportPeopleMost, "kb": core.ImportLimit >> 10}),
	})
}

// takesFile says whether a request may carry a file; everywhere else a form is a form.
func takesFile(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == importPath }

// parseForm reads what a form sent.
func parseForm(r *http.Request) error {
	if !takesFile(r) || !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return r.ParseForm()
	}
	return r.ParseMultipartForm(1 << 20) // all of it stays in memory: the body is no larger than any other
}

// sentFile is the chosen file, else the pasted text.
func (v *visit) sentFile() ([]byte, error) {
	file, _, err := v.r.FormFile("file")
	if err != nil {
		return []byte(v.sent("text")), nil
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, core.ImportLimit+1))
	if err == nil && len(text) == 0 {
		text = []byte(v.sent("text"))
	}
	return text, err
}

func lookAtImport(v *visit) error {
	file, err := v.sentFile()
	if err != nil {
		return err
	}
	look, err := v.core.LookAtImport(v.ctx(), v.by(), file)
	if err != nil {
		return err
	}
	return v.see(importPath + "/" + look.ID)
}

func showImportLook(v *visit) error {
	i, err := v.core.Import(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil && v.refused != nil {
		return v.refused // there is no page to say it on
	}
	if err != nil {
		return err
	}
	return v.showImportOf(i)
}

func (v *visit) showImportOf(i *core.Import) error {
	p := &importLookPage{
		common: v.common(v.say("csv.title")), ID: i.ID, Done: !i.DoneAt.IsZero(), Guessed: i.Encoding == core.ImportWindows1252,
		LeaveOut: v.sent("leave_out_bad") != "", Until: v.say("csv.until", words.Args{"at": i.ExpiresAt}), Links: v.handovers(i.Sent),
	}
	p.Main = "mid"
	ready, bad := len(i.Ready), len(i.Bad)
	if p.Done {
		ready, bad = 0, i.LeftOut
		p.Ready = v.sentInvitations(i.Invited)
	} else if ready > 0 {
		p.Ready = v.say("csv.ready", words.Args{"n": ready})
	} else {
		p.Ready = v.say("refusal.import-nobody")
	}
	switch {
	case bad > 0 && p.Done:
		p.Bad = v.say("csv.wereleftout", words.Args{"n": bad})
	case bad > 0:
		p.Bad = v.say("csv.badlines", words.Args{"n": bad})
	}
	if p.Done {
		return v.show("import-look", p)
	}
	for _, line := range i.Bad {
		p.Wrong = append(p.Wrong, badLine{v.say("csv.line", words.Args{"n": line.Line}), line.Email, v.whyBad(line)})
	}
	p.First = i.Ready[:min(ready, importShown)]
	if more := ready - len(p.First); more > 0 {
		p.More = v.say("csv.more", words.Args{"n": more})
	}
	return v.show("import-look", p)
}

// whyBad says of a line what its reason alone does not.
func (v *visit) whyBad(line core.ImportLine) string {
	email := words.Args{"email": line.Email}
	switch line.Refused.Code {
	case core.RoleInvalid:
		return v.say("csv.badrole", words.Args{"role": line.RoleSays})
	case core.AddressTwice:
		return v.say("csv.twice", email)
	case core.AlreadyInTeam:
		return v.say("inv.already", email)
	case core.AlreadyInvited:
		return v.say("inv.alreadyinvited", email)
	case core.EmailInvalid:
		return v.say("inv.bad", email)
	}
	return v.sentence(line.Refused)
}

func confirmImport(v *visit) error {
	done, err := v.core.ConfirmImport(v.ctx(), v.by(), v.r.PathValue("id"), v.sent("leave_out_bad") != "")
	if err != nil {
		return err
	}
	for _, one := range done.Sent {
		if one.Link != nil {
			return v.showImportOf(done) // shown once
		}
	}
	return v.see(importPath + "/" + done.ID)
}

// download begins a file that the browser keeps.
func (v *visit) download(name string) *csv.Writer {
	h := v.rw.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	return csv.NewWriter(v.rw)
}

// importExample is a file to begin with.
func importExample(v *visit) error {
	w := v.download("people.csv")
	for _, line := range [][]string{{"email", "name", "role"}, {"ana@example.com", "Ana Souza", "member"}, {"carla@example.com", "", "member"}} {
		if err := w.Write(line); err != nil {
			return nil // the browser left
		}
	}
	w.Flush()
	return nil
}

// importLeftOut is a file of the lines that are left out, to put right and send again.
func importLeftOut(v *visit) error {
	i, err := v.core.Import(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	lines := i.Bad
	if !i.DoneAt.IsZero() {
		lines = append(lines, i.Ready...) // what was wrong with some may be over
	}
	w := v.download("left-out.csv")
	rows := [][]string{{"email", "name", "role", "problem"}}
	for _, line := range lines {
		why := ""
		if line.Refused != nil {
			why = v.whyBad(line)
		}
		rows = append(rows, []string{core.GuardCell(line.Email), core.GuardCell(line.Name), core.GuardCell(line.RoleSays), core.GuardCell(why)})
	}
	_ = w.WriteAll(rows) // the browser may have left
	return nil
}

// exportPeople is the list as a file, with the filters of the list.
func exportPeople(v *visit) error {
	f, err := v.peopleFilter()
	if err != nil {
		return err
	}
	begun := false
	err = v.core.ExportPeople(v.ctx(), v.by(), f, func() {
		begun = true
		v.download("people-" + v.core.Now().Format("2006-01-02") + ".csv")
	}, v.rw)
	if err != nil && begun {
		// Half a file must not look like a whole one.
		v.web.log.WarnContext(v.ctx(), "a file of people was cut off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// peopleFilter reads the filters of the list from the address.
func (v *visit) peopleFilter() (core.PeopleFilter, error) {
	q := v.r.URL.Query()
	f := core.PeopleFilter{Query: q.Get("q"), Role: core.Role(q.Get("role")), TwoStep: core.TwoStep(q.Get("two_step")), Cursor: q.Get("cursor")}
	if text := q.Get("recovery_codes_left"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return f, &core.Refusal{Code: core.InvalidField, Field: "recovery_codes_left", Args: map[string]any{"field": "recovery_codes_left"}}
		}
		f.CodesLeft = &n
	}
	return f, nil
}

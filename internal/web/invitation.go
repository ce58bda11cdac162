package web

import (
	"net/http"
	"strings"

	"doorstep/internal/core"
	"doorstep/internal/words"
)

// invitePage asks for addresses. Each line has its own answer: good ones are sent even
// if others are wrong, and only those stay in the field.
type invitePage struct {
	common
	Emails, Name string
	Roles        []roleChoice
	Legend       string // of them
	Sent         string // how many were
	Links        []handover
	Alone        bool // the first person of the team: they come here from the set-up
}

// handover is a link that somebody hands over themself, where no mail is set up. It is
// on the answer to the form alone: shown once.
type handover struct {
	ID, Says, Link string
	Said           string // the id of the status of its button
}

func showInvite(v *visit) error { return v.showInvited(nil) }

func (v *visit) showInvited(done []core.Invitation) error {
	p := &invitePage{
		common: v.common(v.say("inv.title")), Emails: v.retyped("emails", ""), Name: v.retyped("name", ""),
		Roles: v.roles(v.retyped("role", string(core.RoleMember)), v.mayInviteAs()...), Links: v.handovers(done), Legend: v.say("inv.role"),
	}
	if len(done) == 0 {
		people, err := v.core.People(v.ctx(), v.by(), core.PeopleFilter{Limit: 1})
		if err != nil {
			return err
		}
		p.Alone = people.Total.N == 1
	}
	if len(done) > 0 {
		var left, wrong []string
		sent := 0
		for _, one := range done {
			if one.Refused == nil {
				sent++
				continue
			}
			left, wrong = append(left, one.Email), append(wrong, v.whyNotInvited(one))
		}
		if p.Emails = strings.Join(left, "\n"); len(left) == 0 {
			p.Name = ""
		}
		if sent > 0 {
			p.Sent = v.sentInvitations(sent)
		}
		if len(wrong) > 0 {
			p.Problems = []problem{{Field: "emails", Lines: wrong}}
			return v.showAs(http.StatusUnprocessableEntity, "invite", p)
		}
	}
	return v.show("invite", p)
}

func (v *visit) sentInvitations(n int) string {
	if v.core.MailConfigured() {
		return v.say("inv.sent", words.Args{"n": n})
	}
	return v.say("inv.made", words.Args{"n": n})
}

// whyNotInvited says which line it is about: several can be wrong for one reason.
func (v *visit) whyNotInvited(one core.Invitation) string {
	email := words.Args{"email": one.Email}
	switch one.Refused.Code {
	case core.AlreadyInTeam:
		return v.say("inv.already", email)
	case core.AlreadyInvited:
		return v.say("inv.alreadyinvited", email)
	case core.EmailInvalid:
		return v.say("inv.bad", email)
	}
	return one.Email + ": " + v.sentence(one.Refused)
}

func (v *visit) handovers(done []core.Invitation) []handover {
	var links []handover
	for _, one := range done {
		if one.Link != nil {
			v.secret = true
			links = append(links, handover{
				ID: "link-" + one.ID, Says: v.say("inv.link", words.Args{"email": one.Email, "at": one.ExpiresAt}),
				Link: strings.TrimRight(v.web.url.String(), "/") + "/set-password/" + one.Link.Token, Said: "said-" + one.ID,
			})
		}
	}
	return links
}

// invite sends them. Where there is nothing to show it leads on, so that a reload
// sends nothing again.
func invite(v *visit) error {
	var people []core.Invitee
	for _, email := range strings.FieldsFunc(v.sent("emails"), func(r rune) bool { return strings.ContainsRune("\r\n,;", r) }) {
		if email = strings.TrimSpace(email); email != "" {
			people = append(people, core.Invitee{Email: email})
		}
	}
	if len(people) == 0 {
		return &core.Refusal{Code: core.EmailInvalid, Field: "emails"}
	}
	if len(people) == 1 {
		people[0].Name = v.sent("name")
	}
	done, err := v.core.InvitePeople(v.ctx(), v.by(), core.Role(v.sent("role")), people)
	if err != nil {
		return err
	}
	for _, one := range done {
		if one.Refused != nil || one.Link != nil {
			return v.showInvited(done)
		}
	}
	v.tell(notice{Says: "inv.sent", N: len(done)})
	return v.see("/team")
}

// inviteAgain sends a new link to somebody who has not accepted yet.
func inviteAgain(v *visit) error {
	id := v.r.PathValue("id")
	sent, err := v.core.SendInvitationAgain(v.ctx(), v.by(), id)
	if err != nil {
		return err
	}
	if sent.Link != nil {
		return v.showUserWith(v.handovers([]core.Invitation{*sent}))
	}
	v.tell(notice{Says: "inv.sentto", With: map[string]string{"email": sent.Email, "at": v.words.DateTime(sent.ExpiresAt)}})
	return v.see("/team/users/" + id)
}

func cancelInvitation(v *visit) error {
	person, err := v.core.Person(v.ctx(), v.by(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := v.core.CancelInvitation(v.ctx(), v.by(), person.ID); err != nil {
		return err
	}
	v.tell(notice{Says: "inv.canceled", With: map[string]string{"email": person.Email}})
	return v.see("/team")
}

package core

import (
	"strings"
	"testing"
	"time"
)

// invites invites one address and returns what came of it.
func (w *world) invites(s *Session, email string, role Role) Invitation {
	w.t.Helper()
	sent, err := w.InvitePeople(w.ctx(), by(s), role, []Invitee{{Email: email}})
	w.ok(err)
	return sent[0]
}

// accepts follows the link of an invitation to its end.
func (w *world) accepts(link *Link) (email string, err error) {
	w.t.Helper()
	form, err := w.OpenPasswordLink(w.ctx(), link.Token)
	if err != nil {
		return "", err
	}
	return w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, "", testPassword)
}

func TestInvitePeople(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mail = false // the links are in the answers
		ana := w.signIn("ana")
		sent, err := w.InvitePeople(w.ctx(), by(ana), RoleMember, []Invitee{
			{Email: " Nora@Example.com ", Name: "  Nora   Díaz "},
			{Email: "nora@example.com"},
			{Email: "carla@EXAMPLE.com"},
			{Email: "nobody"},
			{Email: "gil@example.com"},
			{Email: "hal@example.com", Name: strings.Repeat("x", 101)},
			{Email: "farid@example.com"},
		})
		w.ok(err)
		for i, want := range []Code{"", AlreadyInvited, AlreadyInTeam, EmailInvalid, "", NameTooLong, AlreadyInvited} {
			if got := sent[i].Refused; got == nil && want != "" || got != nil && got.Code != want {
				t.Errorf("%d: %v, want %q", i, got, want)
			}
		}
		if sent[0].Name != "Nora Díaz" || sent[0].Email != "Nora@Example.com" || sent[4].Name != "gil" {
			t.Errorf("read as %+v and %+v", sent[0].Invitee, sent[4].Invitee)
		}
		p, err := w.Person(w.ctx(), by(ana), sent[0].ID)
		w.ok(err)
		if p.Status != StatusInvited || !p.InvitedUntil.Equal(sent[0].ExpiresAt) || sent[0].ExpiresAt.Sub(w.Now()) != 7*day {
			t.Errorf("%s until %s, the link until %s", p.Status, p.InvitedUntil, sent[0].ExpiresAt)
		}
		// Nobody signs in, nor is found, by an address that nobody has claimed.
		_, err = w.BeginSignIn(w.ctx(), Nobody(testOrigin), "nora@example.com", testPassword, "")
		w.refused(err, WrongCredentials)
		for _, typed := range []string{"nora@example.com", unclaimedKey(w.cast["ana"].team, "nora@example.com")} {
			_, err = userByEmail(w.read(w.ctx()), typed)
			w.refused(err, Missing)
		}
		form, err := w.OpenPasswordLink(w.ctx(), sent[0].Link.Token)
		w.ok(err)
		_, err = w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, " ", testPassword)
		w.refused(err, NameMissing)
		_, err = w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, "Nora of Spruce", "nora of spruce 1")
		w.refused(err, PasswordPersonal)
		email, err := w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, "Nora D.", testPassword)
		w.ok(err)
		if p, err := w.People(w.ctx(), by(ana), PeopleFilter{Query: "nora d"}); err != nil || names(p) != "Nora D." {
			t.Errorf("found %v %v", p, err)
		}
		in, err := w.BeginSignIn(w.ctx(), Nobody(testOrigin), email, testPassword, "")
		w.ok(err)
		if in.Session.User.ID != sent[0].ID || in.Session.User.Role != RoleMember {
			t.Errorf("signed in as %+v", in.Session.User)
		}
		_, err = w.accepts(sent[0].Link)
		w.refused(err, LinkGone)
	})
}

// Who may invite whom, and with what proof.
func TestWhoMayInvite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana, bruno, carla := w.signIn("ana"), w.signIn("bruno"), w.signIn("carla")
		paper := w.signInWithCode("olga", 0)
		try := func(s *Session, role Role) error {
			_, err := w.InvitePeople(w.ctx(), by(s), role, []Invitee{{Email: "new@example.com"}})
			return err
		}
		before := w.snapshot("users", "sessions", "teams")
		w.refused(try(carla, RoleMember), AdminOnly)
		w.refused(try(bruno, RoleAdmin), OwnerOnly)
		w.refused(try(bruno, RoleOwner), OwnerOnly)
		w.refused(try(ana, "king"), RoleInvalid)
		w.refused(try(paper, RoleMember), RecoverySession)
		w.clock.advance(11 * time.Minute)
		w.refused(try(ana, RoleAdmin), StepUpRequired)
		w.refused(try(ana, RoleOwner), StepUpRequired)
		if w.snapshot("users", "sessions", "teams") != before {
			t.Error("a refused invitation changed something")
		}
		w.ok(try(bruno, RoleMember))
		// Of somebody above member, sending again takes a step-up too.
		w.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, w.cast["farid"].id)
		_, err := w.SendInvitationAgain(w.ctx(), by(ana), w.cast["farid"].id)
		w.refused(err, StepUpRequired)
		_, err = w.SendInvitationAgain(w.ctx(), by(bruno), w.cast["farid"].id)
		w.refused(err, Rank)
		w.refused(w.CancelInvitation(w.ctx(), by(bruno), w.cast["farid"].id), Rank)
		w.exec(`UPDATE users SET contained_until = $1 WHERE id = $2`, ms(w.Now().Add(time.Hour)), w.cast["bruno"].id)
		w.refused(try(bruno, RoleMember), Contained)
		w.refused(w.CancelInvitation(w.ctx(), by(bruno), w.cast["farid"].id), Rank)
		w.refused(w.CancelInvitation(w.ctx(), by(w.signIn("zoe")), w.cast["farid"].id), Missing)
		w.ok(w.CancelInvitation(w.ctx(), by(ana), w.cast["farid"].id))
		_, err = w.Person(w.ctx(), by(ana), w.cast["farid"].id)
		w.refused(err, Missing)
	})
}

// An address of another team is answered like any other (they do not exist to us), and
// whoever joins first has it.
//
// ASVS 8.4.1, R7
func TestInvitingAnotherTeamsAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mail = false // the links are in the answers
		ana, zoe := w.signIn("ana"), w.signIn("zoe")
		known, unknown := w.invites(ana, "zoe@example.com", RoleMember), w.invites(ana, "nora@example.com", RoleMember)
		for _, sent := range []Invitation{known, unknown} {
			p, err := w.Person(w.ctx(), by(ana), sent.ID)
			w.ok(err)
			if sent.Refused != nil || p.Status != StatusInvited || p.InvitedUntil.IsZero() || p.Email != sent.Email || (sent.Link == nil) != (known.Link == nil) {
				t.Errorf("%+v, seen as %+v", sent, p.User)
			}
		}
		// Her own account is as it was, and no link of ours touches it.
		_, err := w.accepts(known.Link)
		w.refused(err, EmailTaken)
		if !w.live(zoe) {
			t.Error("Zoe is signed out")
		}
		// Two teams invite one address: the first that is accepted counts, also at once.
		for i, email := range []string{"one@example.com", "two@example.com", "three@example.com"} {
			links := []*Link{w.invites(ana, email, RoleMember).Link, w.invites(zoe, email, RoleMember).Link}
			won, errs := race(2, func(i int) error { _, err := w.accepts(links[i]); return err })
			if won != 1 || !IsRefusal(errs[0], EmailTaken) {
				t.Errorf("%d: %d joined, the other heard %v", i, won, errs)
			}
			if n := w.count(`SELECT COUNT(*) FROM users WHERE email_key = $1`, email); n != 1 {
				t.Errorf("%d accounts of one address", n)
			}
		}
	})
}

// Two admins invite one address at once: it is invited once.
func TestInvitingAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		sessions := []*Session{w.signIn("ana"), w.signIn("bruno")}
		sent, _ := race(8, func(i int) error {
			done, err := w.InvitePeople(w.ctx(), by(sessions[i%2]), RoleMember, []Invitee{{Email: "nora@example.com"}})
			if err == nil && done[0].Refused != nil {
				return done[0].Refused
			}
			return err
		})
		if n := w.count(`SELECT COUNT(*) FROM users WHERE email = 'nora@example.com'`); n != 1 || sent != 1 {
			t.Errorf("invited %d times, %d people", sent, n)
		}
	})
}

// A newer link kills the older (T-RESET-3), and a canceled one opens nothing.
//
// ASVS 6.4.1, NIST 4.2.1.2, T-RESET-3
func TestInvitationSentAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.mail = false // the links are in the answers
		ana := w.signIn("ana")
		first := w.invites(ana, "nora@example.com", RoleMember)
		form, err := w.OpenPasswordLink(w.ctx(), first.Link.Token)
		w.ok(err)
		again, err := w.SendInvitationAgain(w.ctx(), by(ana), first.ID)
		w.ok(err)
		_, err = w.accepts(first.Link)
		w.refused(err, LinkGone)
		_, err = w.SetFirstPassword(w.ctx(), Nobody(testOrigin), form, "", testPassword)
		w.refused(err, LinkGone)
		// Accepted and canceled at once: one of the two.
		won, errs := race(2, func(i int) error {
			if i == 0 {
				_, err := w.accepts(again.Link)
				return err
			}
			return w.CancelInvitation(w.ctx(), by(ana), first.ID)
		})
		if won != 1 || !IsRefusal(errs[0], LinkGone) && !IsRefusal(errs[0], NotInvited) && !IsRefusal(errs[0], Missing) {
			t.Errorf("%d won, the other heard %v", won, errs)
		}
		_, err = w.accepts(again.Link)
		w.refused(err, LinkGone)
		// After seven days, with no chore in between.
		late := w.invites(ana, "late@example.com", RoleMember)
		w.clock.advance(7 * day)
		_, err = w.accepts(late.Link)
		w.refused(err, LinkGone)
		_, err = w.SendInvitationAgain(w.ctx(), by(w.signIn("ana")), w.cast["carla"].id)
		w.refused(err, NotInvited)
	})
}

// A team sends so many a day, and so many to one address, also at once.
//
// ASVS 2.3.2, ASVS 2.4.1
func TestInvitationsPerDay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		nora := w.invites(ana, "nora@example.com", RoleMember)
		won, errs := race(12, func(int) error { _, err := w.SendInvitationAgain(w.ctx(), by(ana), nora.ID); return err })
		if won != invitationsToOne-1 {
			t.Errorf("sent again %d times", won)
		}
		for _, err := range errs {
			if r := w.refused(err, TooManyInvitations); r.RetryAfter != day {
				t.Errorf("wait %s", r.RetryAfter)
			}
		}
		// Canceling and inviting anew is no way around it.
		w.ok(w.CancelInvitation(w.ctx(), by(ana), nora.ID))
		if r := w.invites(ana, "NORA@example.com", RoleMember).Refused; r == nil || r.Code != TooManyInvitations {
			t.Errorf("invited anew: %v", r)
		}
		w.exec(`UPDATE invitation_counts SET sent = $1 WHERE sent > $2`, InvitationsPerDay-1, invitationsToOne-1)
		w.exec(`DELETE FROM invitation_counts WHERE sent < $1`, InvitationsPerDay-1)
		if r := w.invites(ana, "a@example.com", RoleMember).Refused; r != nil {
			t.Errorf("the last one: %v", r)
		}
		if r := w.invites(ana, "b@example.com", RoleMember).Refused; r == nil || r.Code != TooManyInvitations {
			t.Errorf("one too many: %v", r)
		}
		if r := w.invites(w.signIn("zoe"), "b@example.com", RoleMember).Refused; r != nil {
			t.Errorf("another team: %v", r)
		}
		w.clock.advance(day)
		w.ok(w.Chores(w.ctx()))
		if r := w.invites(w.signIn("ana"), "b@example.com", RoleMember).Refused; r != nil {
			t.Errorf("a day later: %v", r)
		}
	})
}

// Where mail is set up the link is in a letter and nowhere else, and whoever has an
// account elsewhere is told so, once a day, without a link.
func TestInvitationsAreMailed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ana := w.signIn("ana")
		w.mail = true
		known, unknown := w.invites(ana, "ZOE@example.com", RoleMember), w.invites(ana, "nora@example.com", RoleMember)
		again, err := w.SendInvitationAgain(w.ctx(), by(ana), known.ID)
		w.ok(err)
		if known.Link != nil || unknown.Link != nil || again.Link != nil {
			t.Error("a link is handed over all the same")
		}
		letters, err := w.ClaimLetters(w.ctx(), 50)
		w.ok(err)
		told := map[string]Letter{}
		for _, l := range letters {
			if l.Kind == LetterInvite || l.Kind == LetterInviteKnown {
				if _, twice := told[l.Recipient]; twice {
					t.Errorf("two letters to %s", l.Recipient)
				}
				told[l.Recipient] = l
			}
		}
		zoe, nora := told["zoe@example.com"], told["nora@example.com"]
		if len(told) != 2 || zoe.Kind != LetterInviteKnown || zoe.Link != "" || nora.Kind != LetterInvite {
			t.Fatalf("told %v", told)
		}
		for _, l := range told {
			if l.Address != "" || l.Device != "" || l.Args["by"] != "Ana" || l.Args["team"] != "Northwind" {
				t.Errorf("%s says %v", l.Kind, l.Args)
			}
		}
		_, err = w.accepts(&Link{Token: strings.TrimPrefix(nora.Link, "/set-password/")})
		w.ok(err)
		if n := w.count(`SELECT COUNT(*) FROM outbox WHERE args LIKE '%' || $1 || '%'`, strings.TrimPrefix(nora.Link, "/set-password/")); n != 0 {
			t.Error("the token stands in the queue")
		}
	})
}

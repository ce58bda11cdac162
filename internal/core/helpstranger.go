package core

import "context"

const (
	helpOfNet   = 5
	helpOfNetIn = day
	helpOfAll   = 200 // a day, of all strangers: what one mailbox can bear
)

// StrangersRequest is what somebody writes who is not signed in.
type StrangersRequest struct {
	NewHelpRequest
	Email string // whereto the answer goes; nobody has shown that it is theirs
	// Anyway: they have read that Ask my team is the way back in.
	Anyway bool
}

// HelpsStrangers says whether requests of people who are not signed in go anywhere:
// whoever runs this server gave an address, and letters are sent.
func (c *Core) HelpsStrangers() bool { return c.contact != "" && c.mail }

// SubmitStrangersRequest sends the request of somebody who is not signed in to whoever
// runs this server, and to nobody else. Nothing is sent to the address that they typed.
// Being locked out leads to Ask my team first, which is no question but the way back in.
// Refuses: no-contact, about-missing, email-invalid, text-missing, text-too-long,
// text-has-code, ask-team-first, too-many-help-requests.
func (c *Core) SubmitStrangersRequest(ctx context.Context, by Actor, said StrangersRequest) (number string, err error) {
	email, wrong := readEmail(said.Email)
	if err := together(wrong, said.tidy()); err != nil {
		return "", err
	}
	if !c.HelpsStrangers() {
		return "", refuse(NoContact)
	}
	if said.About == AboutSignIn && !said.Anyway {
		return "", refuseField(AskTeamFirst, "anyway")
	}
	if number, err = newNumber(); err != nil {
		return "", err
	}
	err = c.keepCount(ctx, func(t *tx) error { // there is no team whose audit log it would stand in
		if err := t.countFrom("help requests of strangers", by.origin.Address, helpOfNet, helpOfNetIn, TooManyHelpRequests); err != nil {
			return err
		}
		within, next, err := t.countWithin("help requests of all strangers", helpOfAll, day)
		if err != nil {
			return err
		}
		if !within {
			return waitFor(TooManyHelpRequests, next.Sub(t.now))
		}
		return t.queueLetterTo(addressee{email: c.contact, language: "en"}, LetterHelpStranger, by.origin, map[string]any{
			"email": email, "number": number, "about": said.About, "text": said.Text,
		}, nil)
	})
	return number, err
}

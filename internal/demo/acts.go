package demo

import (
	"context"
	"fmt"

	"doorstep/internal/core"
	"doorstep/internal/totp"
)

// act is something that one of the people does, at the moment where the clock
// stands. It is what a browser would do, verb by verb.
type act func(ctx context.Context) error

// then does acts one after another.
func then(acts ...act) act {
	return func(ctx context.Context) error {
		for _, a := range acts {
			if err := a(ctx); err != nil {
				return err
			}
		}
		return nil
	}
}

// setsUp makes the team with the one-use link, and leaves the session.
func (s *story) setsUp(p *Person) act {
	return func(ctx context.Context) error {
		link, err := s.core.MakeSetupLink(ctx)
		if err != nil {
			return err
		}
		form, err := s.core.OpenSetupLink(ctx, link.Token)
		if err != nil {
			return err
		}
		s.owner, err = s.core.SetUp(ctx, core.Nobody(p.origin), form, core.NewOwner{Team: teamName, Name: p.Name, Email: p.Email, Password: Password})
		return err
	}
}

// goesOn activates in the session of the set-up: an owner has no days of grace.
func (s *story) goesOn(p *Person) act {
	return func(ctx context.Context) error { return s.activate(ctx, p, s.owner) }
}

// isAdded puts somebody in from the console. Without a password they are invited:
// they have a link and a week.
func (s *story) isAdded(p *Person, password string) act {
	return func(ctx context.Context) error {
		added, err := s.core.AddUser(ctx, s.console, core.NewUser{Email: p.Email, Name: p.Name, Role: p.Role, Password: password})
		if err != nil {
			return err
		}
		p.id = added.ID
		return nil
	}
}

// signsIn is the password, and the app's code where one is asked for; then what
// the person does next.
func (s *story) signsIn(p *Person, next ...func(ctx context.Context, p *Person, session *core.Session) error) act {
	return func(ctx context.Context) error {
		by := core.Nobody(p.origin)
		in, err := s.core.BeginSignIn(ctx, by, p.Email, Password, "")
		if err != nil {
			return err
		}
		if in.Next == core.StepSecondStep {
			if in, err = s.core.AcceptSecondStep(ctx, by, in.Attempt, s.codeOf(p), false); err != nil {
				return err
			}
		}
		for _, do := range next {
			if err := do(ctx, p, in.Session); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s *story) codeOf(p *Person) string { return totp.Code(p.secret, totp.StepAt(s.clock.Now())) }

// activate scans the key, confirms it and writes the codes down.
func (s *story) activate(ctx context.Context, p *Person, session *core.Session) error {
	by := session.By(p.origin)
	a, err := s.core.BeginActivation(ctx, by)
	if err != nil {
		return err
	}
	p.uri = a.URI
	if p.secret, err = decodeKey(a.Key); err != nil {
		return err
	}
	if a, err = s.core.ConfirmActivation(ctx, by, a.ID, s.codeOf(p)); err != nil {
		return err
	}
	p.codes = nil
	for _, code := range a.Codes {
		p.codes = append(p.codes, paperCode{Text: code})
	}
	_, err = s.core.FinishActivation(ctx, by, a.ID, true)
	return err
}

// usesRecoveryCode signs in with the first code that is not crossed out.
func (s *story) usesRecoveryCode(p *Person) act {
	return func(ctx context.Context) error {
		by := core.Nobody(p.origin)
		in, err := s.core.BeginSignIn(ctx, by, p.Email, Password, "")
		if err != nil {
			return err
		}
		for i := range p.codes {
			if p.codes[i].Used {
				continue
			}
			if in, err = s.core.AcceptSecondStep(ctx, by, in.Attempt, p.codes[i].Text, false); err != nil {
				return err
			}
			p.codes[i].Used = true
			return s.core.SignOut(ctx, in.Session.By(p.origin))
		}
		return fmt.Errorf("%s has no recovery code left", p.Name)
	}
}

// asksTeam has somebody without a phone ask for a restart.
func (s *story) asksTeam(p *Person) act {
	return func(ctx context.Context) error {
		by := core.Nobody(p.origin)
		in, err := s.core.BeginSignIn(ctx, by, p.Email, Password, "")
		if err != nil {
			return err
		}
		ask, err := s.core.AskTeam(ctx, by, in.Attempt, "", core.LostPhone)
		if err != nil {
			return err
		}
		p.matchCode = ask.MatchCode
		return nil
	}
}

// restarts has one person restart another.
func (s *story) restarts(target *Person, reason string, verified core.VerifiedBy) func(context.Context, *Person, *core.Session) error {
	return func(ctx context.Context, by *Person, session *core.Session) error {
		_, err := s.core.RestartTwoStep(ctx, session.By(by.origin), target.id, core.RestartRequest{Reason: reason, VerifiedBy: verified})
		return err
	}
}

// guesses is somebody who has a person's password and types codes that are wrong.
type guesses struct {
	s       *story
	at      *Person
	origin  core.Origin
	attempt string
}

// begins types the right password.
func (g *guesses) begins(ctx context.Context) error {
	in, err := g.s.core.BeginSignIn(ctx, core.Nobody(g.origin), g.at.Email, Password, "")
	if err != nil {
		return err
	}
	g.attempt = in.Attempt
	return nil
}

// misses types a code that no step near now has.
func (g *guesses) misses(ctx context.Context) error {
	step := totp.StepAt(g.s.clock.Now())
	wrong := "000000"
	for try := 1; try < 10; try++ {
		if wrong != totp.Code(g.at.secret, step-1) && wrong != totp.Code(g.at.secret, step) && wrong != totp.Code(g.at.secret, step+1) {
			break
		}
		wrong = fmt.Sprintf("%06d", try)
	}
	_, err := g.s.core.AcceptSecondStep(ctx, core.Nobody(g.origin), g.attempt, wrong, false)
	if core.IsRefusal(err, core.WrongCode) {
		return nil
	}
	return fmt.Errorf("a wrong code was not refused as one: %w", err)
}

// findsHelp is somebody who found an article helpful, and says something about it to
// their team.
func (s *story) findsHelp(slug, comment string) func(context.Context, *Person, *core.Session) error {
	return func(ctx context.Context, p *Person, session *core.Session) error {
		by := session.By(p.origin)
		if _, err := s.core.VoteOnArticle(ctx, by, slug, "", core.Vote{Helpful: true}); err != nil {
			return err
		}
		_, err := s.core.CommentOnArticle(ctx, by, slug, comment)
		return err
	}
}

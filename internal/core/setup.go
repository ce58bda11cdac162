package core

import (
	"context"
)

// HasOwner says whether the installation has an owner yet; until then every
// page says where the set-up link is.
func (c *Core) HasOwner(ctx context.Context) (bool, error) {
	var n int
	err := c.read(ctx).row(`SELECT COUNT(*) FROM (SELECT id FROM users WHERE role = 'owner' LIMIT 1) AS owners`).Scan(&n)
	return n > 0, err
}

// MakeSetupLink makes the one-use link with which the first team and its owner
// are made; an earlier one is dead. Refuses: setup-used.
func (c *Core) MakeSetupLink(ctx context.Context) (link *Link, err error) {
	err = c.keepCount(ctx, func(t *tx) error {
		if err := t.noOwnerYet(); err != nil {
			return err
		}
		link, err = t.makeLink(purposeSetup, nil, setupLinkLasts)
		return err
	})
	return link, err
}

func (t *tx) noOwnerYet() error {
	var n int
	if err := t.row(`SELECT COUNT(*) FROM users WHERE role = 'owner'`).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return refuse(SetupUsed)
	}
	return nil
}

// OpenSetupLink exchanges the link's token for a form. Refuses: link-gone, setup-used.
func (c *Core) OpenSetupLink(ctx context.Context, token string) (form string, err error) {
	if used, err := c.HasOwner(ctx); err != nil || used {
		return "", orRefuse(err, SetupUsed)
	}
	return c.openLink(ctx, purposeSetup, token)
}

func orRefuse(err error, code Code) error {
	if err != nil {
		return err
	}
	return refuse(code)
}

// SetupForm says whether a set-up form still holds. Refuses: link-gone, setup-used.
func (c *Core) SetupForm(ctx context.Context, form string) error {
	if used, err := c.HasOwner(ctx); err != nil || used {
		return orRefuse(err, SetupUsed)
	}
	_, err := c.linkByForm(c.read(ctx), purposeSetup, form)
	return err
}

// NewOwner is what the set-up form asks for.
type NewOwner struct{ Team, Name, Email, Password, Language string }

// tidy checks all of it, so that a person hears of everything at once.
func (n NewOwner) tidy() (NewOwner, error) {
	team, wrongTeam := readName(n.Team, "team", TeamNameMissing)
	name, wrongName := readName(n.Name, "name", NameMissing)
	email, wrongEmail := readEmail(n.Email)
	err := together(wrongTeam, wrongName, wrongEmail, checkPassword(n.Password, n.Email, n.Name, n.Team))
	n.Team, n.Name, n.Email = team, name, email
	return n, err
}

// SetUp makes the first team and its owner and signs the owner in, as far as
// activation. The link is used up in the same transaction: of two browsers with
// one link, one wins and the other is told. form is what OpenSetupLink gave, or the
// link's own token.
// Refuses: link-gone, setup-used, team-name-missing, name-missing,
// name-too-long, email-invalid, password-…, busy.
func (c *Core) SetUp(ctx context.Context, by Actor, form string, n NewOwner) (*Session, error) {
	if used, err := c.HasOwner(ctx); err != nil || used {
		return nil, orRefuse(err, SetupUsed)
	}
	form, err := c.formOf(ctx, purposeSetup, form)
	if err != nil {
		return nil, err
	}
	l, err := c.linkByForm(c.read(ctx), purposeSetup, form)
	if err != nil {
		return nil, err
	}
	if n, err = n.tidy(); err != nil {
		return nil, err
	}
	hash, err := c.hashPassword(ctx, n.Password)
	if err != nil {
		return nil, err
	}
	var s *Session
	err = c.write(ctx, func(t *tx) error {
		if err := t.useLink(l); err != nil {
			return err
		}
		if err := t.noOwnerYet(); err != nil {
			return err
		}
		team, err := t.createTeam(n.Team)
		if err != nil {
			return err
		}
		u, err := t.createUser(newUser{team: team, email: n.Email, name: n.Name, role: RoleOwner, status: StatusActive, passwordHash: hash, language: cut(n.Language, 16)})
		if err != nil {
			return err
		}
		if err := t.record(eventOf{event: EventTeamCreated, by: by, actor: u, target: u}); err != nil {
			return err
		}
		s, err = t.openSession(u, by.origin, sessionProof{secondStep: SecondStepNone, passwordAt: t.now})
		if err != nil {
			return err
		}
		return t.record(eventOf{event: EventSessionStarted, by: by, actor: u, target: u, details: map[string]any{"session": s.ID, "second_step": s.SecondStep}})
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

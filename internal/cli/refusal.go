package cli

import (
	"fmt"

	"doorstep/internal/core"
)

// sentence says a refusal to somebody at the console, with what to do next there.
func sentence(r *core.Refusal) string {
	n := r.Args["n"]
	switch r.Code {
	case core.EmailInvalid:
		return "--email is no email address: write it like ana@example.com"
	case core.EmailTaken:
		return "somebody has this email address already: see doorstep user list"
	case core.NameMissing:
		return "--name is empty: write the person's name"
	case core.NameTooLong:
		return fmt.Sprintf("the name is longer than %v characters: write a shorter one", n)
	case core.TeamNameMissing:
		return "it is not clear which team is meant, because there is none yet or more than one: name it with --team"
	case core.TeamNameTaken:
		return "a team of this name was made at this moment: try again"
	case core.RoleInvalid:
		return "--role is no role: write owner, admin or member"
	case core.PasswordTooShort:
		return fmt.Sprintf("the password is too short: choose one of %v characters or more, such as a few words in a row", n)
	case core.PasswordTooLong:
		return fmt.Sprintf("the password is longer than %v characters: choose a shorter one", n)
	case core.PasswordCommon:
		return "the password is on the lists that attackers try first: choose another one"
	case core.PasswordPersonal:
		return "the password is made of the person's name, their email address or the team's name: choose another one"
	case core.ReasonMissing:
		return "--reason is too short: say in a few words why, for the audit log"
	case core.ReasonTooLong:
		return fmt.Sprintf("--reason is longer than %v characters: say it shorter", n)
	case core.NothingToRestart:
		return "there is nothing to restart: this person's 2-step authentication was never active"
	case core.NotSuspended:
		return "this account is not suspended: if it is closed, use doorstep restart"
	case core.SetupUsed:
		return "there is an owner already, so no set-up link can be made: sign in, or see doorstep user list"
	case core.ServerBusy:
		return "the computer is too busy to hash a password now: try again in a moment"
	case core.Missing:
		if r.Field == "team" {
			return "there is no team of this name: see doorstep user list, or make it by adding its owner first with --role owner"
		}
		return "nobody has this email address: see doorstep user list"
	}
	return "refused: " + string(r.Code)
}

package core

import (
	"encoding/json"
	"fmt"
	"time"
)

// Events are `noun.past_tense`; each is one row of audit_events, which is only
// ever appended to, written in the transaction of the act (R14).
const (
	EventTeamCreated         = "team.created"
	EventUserAdded           = "user.added"
	EventUserInvited         = "user.invited"
	EventInvitationSentAgain = "invitation.sent_again"
	EventInvitationCanceled  = "invitation.canceled"
	EventPeopleImported      = "people.imported"
	EventPeopleExported      = "people.exported"
	EventUserJoined          = "user.joined"
	EventUserRenamed         = "user.renamed"
	EventRoleChanged         = "user.role_changed"
	EventUserSuspended       = "user.suspended"
	EventUserBroughtBack     = "user.brought_back"
	EventUserRemoved         = "user.removed"
	EventSignInRefused       = "sign_in.refused"
	EventSecondStepRefused   = "second_step.refused"
	EventSecondStepReplayed  = "second_step.replayed"
	EventSessionStarted      = "session.started"
	EventSessionEnded        = "session.ended"
	EventSessionsEnded       = "sessions.ended"
	EventStepUpPassed        = "step_up.passed"
	EventStepUpRefused       = "step_up.refused"
	EventActivationBegan     = "activation.began"
	EventActivationConfirmed = "activation.confirmed"
	EventTwoStepActivated    = "two_step.activated"
	EventTwoStepDeactivated  = "two_step.deactivated"
	EventTwoStepRestarted    = "two_step.restarted"
	EventRecoveryCodeUsed    = "recovery_code.used"
	EventRecoveryCodesMade   = "recovery_codes.renewed"
	EventLanguageChanged     = "user.language_changed"
	EventDeviceRemembered    = "device.remembered"
	EventDeviceForgotten     = "device.forgotten"
	EventDeviceReused        = "device.reused" // a token that had been used already
	EventPolicyChanged       = "policy.changed"
	EventPassAccepted        = "pass.accepted"
	EventPassRefused         = "pass.refused"
	EventPassVoided          = "pass.voided"
	EventRestartBegan        = "restart.began" // and waits for a second approver
	EventRestartRefused      = "restart.refused"
	EventRestartLimit        = "restart.limit_reached"        // about whoever restarted so many
	EventPersonLimit         = "restart.person_limit_reached" // about whoever was restarted so often
	EventLetterResent        = "letter.resent"
	EventAuditExported       = "audit.exported"
	EventBackupRestored      = "backup.restored"   // about each person
	EventReminderPutAway     = "reminder.put_away" // from somebody's own first page

	EventNotificationAddressAsked    = "notification_address.asked"
	EventNotificationAddressVerified = "notification_address.verified"
	EventNotificationAddressRemoved  = "notification_address.removed"

	EventReactivationConfirmed = "reactivation.confirmed" // after a restart: it was them
	EventUserFrozen            = "user.frozen"
	EventNotMeReported         = "not_me.reported"
	EventRequestMade           = "restart_request.made"
	EventRequestWithdrawn      = "restart_request.withdrawn"
	EventRequestApproved       = "restart_request.approved"
	EventRequestRefused        = "restart_request.refused"
	EventRequestExpired        = "restart_request.expired"
	EventRequestEnded          = "restart_request.ended"
	EventMatchCodeRefused      = "restart_request.match_refused"
	EventPasswordBlocked       = "password.blocked"
	EventPasswordDemanded      = "password.demanded" // a new one, at the next sign-in
	EventAuthenticatorBlocked  = "authenticator.blocked"
	EventAuthenticatorUnlocked = "authenticator.unlocked" // three right codes in a row ended its pause
	EventRecoveryCodesBlocked  = "recovery_codes.blocked"
	EventUnlockRefused         = "unlock.refused"
	EventGuessingNoticed       = "guessing.noticed"  // the person was told
	EventGuessingReported      = "guessing.reported" // the owners were
	EventPasswordLinkAsked     = "password.link_asked"
	EventPasswordReset         = "password.set"
	EventPasswordResetRefused  = "password.reset_refused" // a wrong second step beside the link
	EventPasswordChanged       = "password.changed"
	EventEmailChangeAsked      = "email.change_asked"
	EventEmailChanged          = "email.changed"
	EventEmailUndone           = "email.change_undone"
	EventCommentWritten        = "comment.written"
	EventCommentDeleted        = "comment.deleted"
	EventCommentHidden         = "comment.hidden"
	EventCommentShown          = "comment.shown"
	EventHelpRequestMade       = "help_request.made"
	EventHelpRequestAdded      = "help_request.added" // whoever asked wrote once more
	EventHelpRequestAnswered   = "help_request.answered"
	EventHelpRequestClosed     = "help_request.closed"
)

// EventWords lists every event there is: the audit log can be filtered by them, and
// each language has a sentence for each (`ev.WORD`). A new one stands here too.
func EventWords() []string {
	return []string{
		EventTeamCreated,
		EventUserAdded,
		EventUserInvited,
		EventInvitationSentAgain,
		EventInvitationCanceled,
		EventPeopleImported,
		EventPeopleExported,
		EventUserJoined,
		EventUserRenamed,
		EventRoleChanged,
		EventUserSuspended,
		EventUserBroughtBack,
		EventUserRemoved,
		EventSignInRefused,
		EventSecondStepRefused,
		EventSecondStepReplayed,
		EventSessionStarted,
		EventSessionEnded,
		EventSessionsEnded,
		EventStepUpPassed,
		EventStepUpRefused,
		EventActivationBegan,
		EventActivationConfirmed,
		EventTwoStepActivated,
		EventTwoStepDeactivated,
		EventTwoStepRestarted,
		EventRecoveryCodeUsed,
		EventRecoveryCodesMade,
		EventLanguageChanged,
		EventDeviceRemembered,
		EventDeviceForgotten,
		EventDeviceReused,
		EventPolicyChanged,
		EventPasswordLinkAsked,
		EventPasswordReset,
		EventPasswordResetRefused,
		EventPasswordChanged,
		EventEmailChangeAsked,
		EventEmailChanged,
		EventEmailUndone,
		EventPassAccepted,
		EventPassRefused,
		EventPassVoided,
		EventRestartBegan,
		EventRestartRefused,
		EventRestartLimit,
		EventPersonLimit,
		EventLetterResent,
		EventAuditExported,
		EventBackupRestored,
		EventReminderPutAway,
		EventNotificationAddressAsked,
		EventNotificationAddressVerified,
		EventNotificationAddressRemoved,
		EventReactivationConfirmed,
		EventUserFrozen,
		EventNotMeReported,
		EventRequestMade,
		EventRequestWithdrawn,
		EventRequestApproved,
		EventRequestRefused,
		EventRequestExpired,
		EventRequestEnded,
		EventMatchCodeRefused,
		EventPasswordBlocked,
		EventPasswordDemanded,
		EventAuthenticatorBlocked,
		EventAuthenticatorUnlocked,
		EventRecoveryCodesBlocked,
		EventUnlockRefused,
		EventGuessingNoticed,
		EventGuessingReported,
		EventCommentWritten,
		EventCommentDeleted,
		EventCommentHidden,
		EventCommentShown,
		EventHelpRequestMade,
		EventHelpRequestAdded,
		EventHelpRequestAnswered,
		EventHelpRequestClosed,
	}
}

// Event is one line of the audit log.
type Event struct {
	ID, TeamID           string
	At                   time.Time
	Event                string
	ActorID, ActorName   string // "" and "console: …" for the console
	TargetID, TargetName string
	Via                  Via
	Address, Device      string
	Reason               string
	Details              map[string]any // numbers and ids; never a secret
}

// eventOf is what a verb says of its act.
type eventOf struct {
	event   string
	by      Actor
	actor   *userRow // the acting user as locked; nil when nobody or the console
	target  *userRow // whom it concerns; nil for none
	team    string   // when target is nil
	reason  string
	details map[string]any
}

// record appends the event and queues the letters that it calls for.
func (t *tx) record(e eventOf) error {
	var actorID, actorName, targetID, targetName string
	switch {
	case e.actor != nil:
		actorID, actorName = e.actor.id, e.actor.name
	case e.by.console != "":
		actorName = e.by.console
	}
	team := e.team
	if e.target != nil {
		targetID, targetName, team = e.target.id, e.target.name, e.target.teamID
	}
	details, err := json.Marshal(e.details)
	if err != nil {
		return fmt.Errorf("write the details of %s: %w", e.event, err)
	}
	if e.details == nil {
		details = []byte("{}")
	}
	_, err = t.exec(`INSERT INTO audit_events (id, team_id, at, event, actor_id, actor_name, target_id, target_name, via, address, device, reason, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		eventID(t.now), team, ms(t.now), e.event, actorID, actorName, targetID, targetName,
		string(e.by.origin.Via), e.by.origin.Address, e.by.origin.Device, e.reason, string(details))
	if err != nil {
		return fmt.Errorf("record %s: %w", e.event, err)
	}
	t.recorded++
	return t.queueLettersOf(e, actorName)
}

// queueLettersOf says which event sends which letter, and to whom.
func (t *tx) queueLettersOf(e eventOf, actorName string) error {
	person := func(kind LetterKind, args map[string]any) error {
		return t.queueLetter(kind, e.target, e.by.origin, args)
	}
	switch e.event {
	case EventTwoStepActivated:
		return person(LetterActivated, nil)
	case EventTwoStepDeactivated:
		return person(LetterDeactivated, nil)
	case EventTwoStepRestarted:
		args := map[string]any{"by": actorName, "reason": e.reason, "at": e.details["due_by"], "verified": e.details["verified_by"], "name": e.target.name, "user": e.target.id}
		if err := person(LetterRestarted, args); err != nil {
			return err
		}
		return t.queueLetterToOwners(LetterRestartedOwners, e.target, e.by.origin, args)
	case EventPasswordReset:
		return person(LetterPasswordSet, nil)
	case EventPasswordChanged:
		return person(LetterPassword, nil)
	case EventRecoveryCodeUsed:
		left, _ := e.details["recovery_codes_left"].(int)
		used := LetterCodeUsed
		if e.details["for"] == forPasswordReset {
			used = LetterCodeUsedReset
		}
		if err := person(used, map[string]any{"n": left}); err != nil {
			return err
		}
		switch {
		case left == 0:
			return person(LetterCodesNone, nil)
		case left <= FewCodes:
			return person(LetterCodesLow, map[string]any{"n": left})
		}
	case EventRecoveryCodesMade:
		return person(LetterCodesNew, nil)
	case EventSecondStepReplayed:
		recent, err := t.letterQueuedSince(LetterReplay, e.target, t.now.Add(-time.Hour))
		if err != nil || recent {
			return err
		}
		return person(LetterReplay, nil)
	case EventSessionStarted:
		if isNew, _ := e.details["new_browser"].(bool); !isNew {
			return nil
		}
		if e.details["second_step"] == SecondStepNone {
			return person(LetterNewDevicePassword, nil)
		}
		return person(LetterNewDevice, nil)
	case EventDeviceRemembered:
		return person(LetterDeviceRemembered, map[string]any{"at": e.details["until"]})
	case EventDeviceReused:
		return person(LetterDeviceReused, nil)
	case EventBackupRestored:
		if told, _ := e.details["told"].(bool); told {
			return person(LetterBackupRestored, nil)
		}
	case EventGuessingNoticed:
		return person(LetterWrong, map[string]any{"n": e.details["misses"]})
	case EventGuessingReported:
		return t.queueLetterToOwners(LetterWrongOwners, e.target, e.by.origin, map[string]any{
			"name": e.target.name, "user": e.target.id, "n": e.details["misses"],
		})
	case EventAuthenticatorBlocked:
		return person(LetterBlockedApp, map[string]any{"n": mostCodes})
	case EventRecoveryCodesBlocked:
		return person(LetterBlockedCodes, map[string]any{"n": mostRecoveryCodes})
	case EventPasswordBlocked:
		return person(LetterBlockedPassword, map[string]any{"n": mostPasswords})
	case EventPolicyChanged:
		return t.queueLetterToAllOwners(LetterPolicyChanged, e.actor, e.by.origin, map[string]any{"by": actorName})
	case EventPassVoided:
		if err := person(LetterPassVoid, map[string]any{"n": passTries}); err != nil {
			return err
		}
		return t.queueLetterToOwners(LetterPassVoidOwners, e.target, e.by.origin, map[string]any{"n": passTries, "name": e.target.name, "user": e.target.id})
	case EventRestartBegan:
		args := map[string]any{"by": actorName, "reason": e.reason, "at": e.details["until"], "verified": e.details["verified_by"], "name": e.target.name, "restart": e.details["pending"]}
		if err := person(LetterRestartBegan, args); err != nil {
			return err
		}
		return t.queueLetterToOwners(LetterRestartBeganOwners, e.target, e.by.origin, args)
	case EventRestartRefused:
		args := map[string]any{"by": actorName, "name": e.target.name}
		if err := person(LetterRestartRefused, args); err != nil {
			return err
		}
		return t.queueLetterToOwners(LetterRestartRefused, e.target, e.by.origin, args)
	case EventRestartLimit:
		return t.queueLetterToAllOwners(LetterLimit, e.target, e.by.origin, map[string]any{"by": e.target.name, "n": e.details["n"], "user": e.target.id})
	case EventPersonLimit:
		return t.queueLetterToAllOwners(LetterPersonLimit, e.target, e.by.origin, map[string]any{"name": e.target.name, "n": e.details["n"], "user": e.target.id})
	case EventNotificationAddressAsked:
		return person(LetterNotifyAsked, map[string]any{"other": e.details["email"]})
	case EventNotificationAddressRemoved:
		if email := e.details["email"]; email != "" {
			return person(LetterNotifyRemoved, map[string]any{"other": email})
		}
	case EventUserJoined:
		if e.target.role.rank() >= RoleAdmin.rank() {
			return t.queueLetterToOwners(LetterJoinedOwners, e.target, e.by.origin, about(e.target, map[string]any{"role": e.target.role}))
		}
	case EventRoleChanged, EventUserSuspended, EventUserBroughtBack, EventUserRemoved:
		return t.queueLettersOfStanding(e, actorName)
	case EventUserFrozen, EventNotMeReported:
		return t.queueLettersOfFreeze(e, actorName)
	case EventRequestMade:
		return t.queueLettersOfRequest(e)
	case EventRequestRefused:
		return person(LetterAskRefused, map[string]any{"by": actorName, "not_them": e.details["not_them"]})
	}
	return nil
}

// queueLettersOfStanding tells the person that their role or status was changed, and
// every owner where it is an owner or admin, or becomes one.
func (t *tx) queueLettersOfStanding(e eventOf, actorName string) error {
	args := map[string]any{"by": actorName}
	kind, toOwners := LetterSuspended, LetterSuspendedOwners
	high := e.target.role.rank() >= RoleAdmin.rank()
	switch e.event {
	case EventRoleChanged:
		kind, toOwners = LetterRoleChanged, LetterRoleChangedOwners
		args["role"] = e.details["to"]
		from, _ := e.details["from"].(Role)
		high = high || from.rank() >= RoleAdmin.rank()
	case EventUserBroughtBack:
		kind, toOwners = LetterBroughtBack, LetterBroughtBackOwners
		if frozen, _ := e.details["frozen"].(bool); frozen {
			kind, toOwners, high = LetterBroughtBackFrozen, LetterBroughtBackFrozenOwners, true
		}
	case EventUserRemoved:
		kind, toOwners = LetterRemoved, LetterRemovedOwners
	}
	if err := t.queueLetter(kind, e.target, e.by.origin, args); err != nil || !high {
		return err
	}
	return t.queueLetterToOwners(toOwners, e.target, e.by.origin, about(e.target, args))
}

// about adds who it is about, for letters to others.
func about(u *userRow, args map[string]any) map[string]any {
	all := map[string]any{"name": u.name, "email": u.email, "user": u.id}
	for k, v := range args {
		all[k] = v
	}
	return all
}

func (t *tx) queueLettersOfFreeze(e eventOf, actorName string) error {
	if freezes, _ := e.details["freezes"].(bool); freezes && e.event == EventNotMeReported {
		return nil // the freeze tells it
	}
	args := map[string]any{"by": actorName}
	kind, toOwners := LetterNotMe, LetterNotMeOwners
	if e.event == EventUserFrozen {
		kind, toOwners = LetterFrozen, LetterFrozenOwners
		if e.details["why"] == FrozenNotMe {
			toOwners = LetterNotMeFrozenOwners
		}
		if suspended, _ := e.details["suspended"].(bool); !suspended {
			kind = LetterFrozenSole
		}
	}
	if err := t.queueLetter(kind, e.target, e.by.origin, args); err != nil {
		return err
	}
	return t.queueLetterToOwners(toOwners, e.target, e.by.origin, about(e.target, args))
}

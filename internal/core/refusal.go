package core

import (
	"errors"
	"time"
)

// Code names a refusal. It is stable: the API's problem type is
// urn:doorstep:problem:CODE, and each language has a sentence for it.
type Code string

// Kind groups refusals by what the caller can do about them; an edge turns a
// Kind into a status in one place.
type Kind int

const (
	Unauthenticated Kind = iota // wrong credentials, or no live session
	Forbidden                   // not allowed; says who is
	NotFound                    // not there, or not yours to see
	Conflict                    // does not fit the present state
	Gone                        // was there once, or too late
	Unprocessable               // understood and wrong
	TooMany                     // wait
	Busy                        // the server cannot now
	BadRequest                  // cannot be parsed
)

const (
	WrongCredentials Code = "wrong-credentials"
	NotSignedIn      Code = "not-signed-in"
	SessionEnded     Code = "session-ended" // Reason says why
	TooManyTries     Code = "too-many-tries"
	PasswordBlocked  Code = "password-blocked" // 100 wrong ones in a row: set anew

	CodeEmpty          Code = "code-empty"
	CodeLength         Code = "code-length"
	RecoveryCodeLength Code = "recovery-code-length"
	RecoveryCodeTypo   Code = "recovery-code-typo"
	WrongCode          Code = "wrong-code"
	WrongRecoveryCode  Code = "wrong-recovery-code"
	CodeUsed           Code = "code-used"
	SameCode           Code = "same-code"
	AuthenticatorWait  Code = "authenticator-wait"
	RecoveryWait       Code = "recovery-wait"
	// The three that are blocked are set up anew, not waited out.
	AuthenticatorBlocked Code = "authenticator-blocked"
	RecoveryBlocked      Code = "recovery-blocked"
	SecondStepBlocked    Code = "second-step-blocked"          // neither works any more
	RecoveryCodeRefused  Code = "authentication-code-required" // an authentication code is wanted here
	AttemptOver          Code = "attempt-over"

	ActivationRequired Code = "activation-required"
	// PasswordChangeRequired: somebody else may have the password (R13).
	PasswordChangeRequired Code = "password-change-required"
	StepUpRequired         Code = "step-up-required"
	RecoverySession        Code = "recovery-session"
	WrongPassword          Code = "wrong-password"
	PasswordMissing        Code = "password-missing"

	AdminOnly Code = "admin-only"
	OwnerOnly Code = "owner-only"
	Rank      Code = "rank"
	// OwnersSessions: an owner's are theirs alone to end.
	OwnersSessions Code = "owners-sessions"

	Self      Code = "self"
	Contained Code = "contained"
	Missing   Code = "not-found"

	NothingToRestart    Code = "nothing-to-restart"
	RestartedMeanwhile  Code = "restarted-meanwhile"
	ReasonMissing       Code = "reason-missing"
	ReasonTooLong       Code = "reason-too-long"
	VerifiedByMissing   Code = "verified-by-missing"
	AlreadyActive       Code = "already-active"
	NotActive           Code = "not-active"
	DeactivationPaused  Code = "deactivation-paused"
	ActivationExpired   Code = "activation-expired"
	ActivationReplaced  Code = "activation-replaced"
	ActivationNotProved Code = "activation-not-confirmed"
	NotSaved            Code = "not-saved"
	AccountClosed       Code = "account-closed"

	PassRequired    Code = "pass-required"
	PassEmpty       Code = "pass-empty"
	PassLength      Code = "pass-length"
	PassTypo        Code = "pass-typo"
	WrongPass       Code = "wrong-pass"
	PassWait        Code = "pass-wait"
	PassVoid        Code = "pass-void"
	RestartLimit    Code = "restart-limit"    // of the approver
	PersonLimit     Code = "person-limit"     // of the person
	SoleOwner       Code = "sole-owner"       // nobody else could answer
	RequestIsOpen   Code = "request-open"     // one at a time
	RequestPause    Code = "request-pause"    // after a refusal, and after many in a day
	NoRequest       Code = "no-request"       // nothing to withdraw
	RequestAnswered Code = "request-answered" // or over: too late
	HappenedMissing Code = "happened-missing"
	MatchCodeLength Code = "match-code-length"
	MatchCodeSix    Code = "match-code-six" // an authentication code: not compared
	WrongMatchCode  Code = "wrong-match-code"
	MatchCodesOver  Code = "match-codes-over" // the third wrong one ended the request
	ReasonTooShort  Code = "reason-too-short"

	SecondApprover   Code = "second-approver"    // one is wanted, and this act cannot wait for it
	NoSecondApprover Code = "no-second-approver" // one is wanted, and there is nobody who could
	SameApprover     Code = "same-approver"      // whoever began it cannot be the second
	RestartWaiting   Code = "restart-waiting"
	RestartOver      Code = "restart-over"

	PasswordTooShort Code = "password-too-short"
	PasswordTooLong  Code = "password-too-long"
	PasswordCommon   Code = "password-common"
	PasswordPersonal Code = "password-personal"
	PasswordSame     Code = "password-same" // as the one that it is to replace
	NoPasswordDue    Code = "no-password-due"
	PasswordByLink   Code = "password-by-link"
	OwnerTooNew      Code = "owner-too-new"
	NoMail           Code = "no-mail" // the server cannot send any
	EmailSame        Code = "email-same"

	AlreadyInTeam      Code = "already-in-team"
	AlreadyInvited     Code = "already-invited"
	NotInvited         Code = "not-invited" // joined, or canceled
	TooManyInvitations Code = "too-many-invitations"
	AddressTwice       Code = "address-twice"
	ImportEmpty        Code = "import-empty"
	ImportNoHeader     Code = "import-no-header"
	ImportTooLarge     Code = "import-too-large"
	ImportBroken       Code = "import-broken" // a quotation mark that is never closed
	ImportOver         Code = "import-over"
	ImportHasBadLines  Code = "import-has-bad-lines"
	ImportNobody       Code = "import-nobody"
	NotTheApprover     Code = "not-the-approver"
	AnsweredAlready    Code = "answered-already"
	TooLateToAnswer    Code = "too-late-to-answer"
	NotSuspended       Code = "not-suspended"
	TooManyReports     Code = "too-many-reports"

	LastOwner       Code = "last-owner"
	EmailTaken      Code = "email-taken"
	EmailInvalid    Code = "email-invalid"
	SameAddress     Code = "same-address"     // as one's own
	TooManyLetters  Code = "too-many-letters" // to addresses that somebody typed
	LetterNotDead   Code = "letter-not-dead"
	LetterLinkGone  Code = "letter-link-gone" // what the letter is for works no longer
	NameMissing     Code = "name-missing"
	NameTooLong     Code = "name-too-long"
	RoleInvalid     Code = "role-invalid"
	StatusInvalid   Code = "status-invalid"
	TeamNameMissing Code = "team-name-missing"
	TeamNameTaken   Code = "team-name-taken"
	LinkGone        Code = "link-gone"
	SetupUsed       Code = "setup-used"
	NoOwnerYet      Code = "no-owner-yet"
	PolicyChanged   Code = "policy-changed" // by somebody else, meanwhile
	OutOfRange      Code = "out-of-range"
	// NumberOutOfRange is OutOfRange of what is no time.
	NumberOutOfRange Code = "number-out-of-range"
	HostInvalid      Code = "host-invalid"
	TooManyHosts     Code = "too-many-hosts"
	DateInvalid      Code = "date-invalid"
	InvalidCursor    Code = "invalid-cursor"
	InvalidField     Code = "invalid-field"
	ServerBusy       Code = "busy"

	TextMissing         Code = "text-missing"
	TextTooLong         Code = "text-too-long"
	TextHasCode         Code = "text-has-code" // what looks like one
	AboutMissing        Code = "about-missing"
	AskTeamFirst        Code = "ask-team-first" // locked out: that is the way back in
	NoContact           Code = "no-contact"     // requests of strangers go nowhere here
	NobodyToAnswer      Code = "nobody-to-answer"
	HelpRequestClosed   Code = "help-request-closed"
	TooManyHelpRequests Code = "too-many-help-requests"
	TooManyComments     Code = "too-many-comments"
	TooManyVotes        Code = "too-many-votes"
)

var kinds = map[Code]Kind{
	WrongCredentials: Unauthenticated, NotSignedIn: Unauthenticated, SessionEnded: Unauthenticated,
	TooManyLetters: TooMany, LetterNotDead: Conflict, LetterLinkGone: Gone,
	TooManyTries: TooMany, AuthenticatorWait: TooMany, RecoveryWait: TooMany,
	PasswordBlocked: TooMany, AuthenticatorBlocked: TooMany, RecoveryBlocked: TooMany, SecondStepBlocked: TooMany,
	AttemptOver:        Gone,
	ActivationRequired: Forbidden, PasswordChangeRequired: Forbidden, StepUpRequired: Forbidden, RecoverySession: Forbidden,
	AdminOnly: Forbidden, OwnerOnly: Forbidden, Rank: Forbidden, OwnersSessions: Forbidden, Self: Forbidden, Contained: Forbidden,
	NotTheApprover: Forbidden, AnsweredAlready: Conflict, TooLateToAnswer: Gone, NotSuspended: Conflict, TooManyReports: TooMany,
	DeactivationPaused: Forbidden, AccountClosed: Forbidden,
	Missing:          NotFound,
	NothingToRestart: Conflict, RestartedMeanwhile: Conflict, AlreadyActive: Conflict, NotActive: Conflict,
	ActivationReplaced: Conflict, ActivationNotProved: Conflict, LastOwner: Conflict, EmailTaken: Conflict,
	SoleOwner: Conflict, RequestIsOpen: Conflict, NoRequest: Conflict, RequestAnswered: Conflict, MatchCodesOver: Conflict, RequestPause: TooMany,
	SetupUsed: Conflict, NoOwnerYet: Conflict, TeamNameTaken: Conflict, PolicyChanged: Conflict,
	NoPasswordDue: Conflict, PasswordByLink: Forbidden, OwnerTooNew: Forbidden, NoMail: Busy,
	ActivationExpired: Gone, LinkGone: Gone,
	SecondApprover: Conflict, NoSecondApprover: Conflict, RestartWaiting: Conflict, RestartOver: Conflict, SameApprover: Forbidden,
	PassRequired: Forbidden, PassWait: TooMany, PassVoid: Gone, RestartLimit: TooMany, PersonLimit: TooMany,
	AlreadyInTeam: Conflict, AlreadyInvited: Conflict, NotInvited: Conflict, TooManyInvitations: TooMany, ImportOver: Gone,
	ImportHasBadLines: Conflict, ImportNobody: Conflict,
	AskTeamFirst: Conflict, NoContact: Conflict, NobodyToAnswer: Conflict, HelpRequestClosed: Conflict,
	TooManyHelpRequests: TooMany, TooManyComments: TooMany, TooManyVotes: TooMany,
	InvalidCursor: BadRequest,
	ServerBusy:    Busy,
}

// Refusal is what a person must hear: an edge turns it into a sentence of their
// language and a status. Everything that is not a Refusal is a fault of ours and
// is shown as a number only.
type Refusal struct {
	Code       Code
	Field      string         // the input it is about, "" for none
	RetryAfter time.Duration  // how long to wait, 0 for not at all
	TriesLeft  int            // free tries before a pause, when Counted
	Counted    bool           // the try was counted
	Blocked    bool           // … and was the last one: the method has to be set up anew
	Alone      bool           // of a wait: no other method works now
	Args       map[string]any // what the sentence names: n, at (time.Time), by, …
	Reason     EndReason      // of SessionEnded
	Also       *Refusal       // another input of the same form that is wrong as well
}

func (r *Refusal) Error() string { return "refused: " + string(r.Code) }

// Kind says what the caller can do about it.
func (r *Refusal) Kind() Kind {
	if k, ok := kinds[r.Code]; ok {
		return k
	}
	return Unprocessable
}

func refuse(code Code) *Refusal { return &Refusal{Code: code} }

func refuseField(code Code, field string) *Refusal { return &Refusal{Code: code, Field: field} }

func (r *Refusal) with(name string, value any) *Refusal {
	if r.Args == nil {
		r.Args = map[string]any{}
	}
	r.Args[name] = value
	return r
}

// alone says of a wait that no other method works now.
func (r *Refusal) alone() *Refusal {
	r.Alone = true
	return r
}

// together makes one refusal of all that is wrong with a form, in the order of
// its inputs; nil when nothing is.
func together(errs ...error) error {
	var first, last *Refusal
	for _, err := range errs {
		r := Refused(err)
		switch {
		case err == nil:
			continue
		case r == nil:
			return err
		case first == nil:
			first, last = r, r
		default:
			last.Also, last = r, r
		}
	}
	if first == nil {
		return nil
	}
	return first
}

// Refused returns the refusal in err, or nil when err is something else.
func Refused(err error) *Refusal {
	var r *Refusal
	if errors.As(err, &r) {
		return r
	}
	return nil
}

// IsRefusal says whether err is the refusal with this code.
func IsRefusal(err error, code Code) bool {
	r := Refused(err)
	return r != nil && r.Code == code
}

// Codes lists every refusal there is, for whoever must have words for all.
func Codes() []Code {
	return []Code{
		WrongCredentials, NotSignedIn, SessionEnded, TooManyTries, PasswordBlocked, AuthenticatorBlocked, RecoveryBlocked, SecondStepBlocked,
		CodeEmpty, CodeLength, RecoveryCodeLength, RecoveryCodeTypo, WrongCode, WrongRecoveryCode, CodeUsed, SameCode,
		AuthenticatorWait, RecoveryWait, RecoveryCodeRefused, AttemptOver,
		ActivationRequired, PasswordChangeRequired, StepUpRequired, RecoverySession, WrongPassword, PasswordMissing,
		AdminOnly, OwnerOnly, Rank, OwnersSessions, Self, Contained, Missing,
		NothingToRestart, RestartedMeanwhile, ReasonMissing, ReasonTooLong, VerifiedByMissing,
		AlreadyActive, NotActive, DeactivationPaused, ActivationExpired, ActivationReplaced, ActivationNotProved, NotSaved, AccountClosed,
		PassRequired, PassEmpty, PassLength, PassTypo, WrongPass, PassWait, PassVoid, RestartLimit, PersonLimit,
		SoleOwner, RequestIsOpen, RequestPause, NoRequest, RequestAnswered, HappenedMissing,
		MatchCodeLength, MatchCodeSix, WrongMatchCode, MatchCodesOver, ReasonTooShort,
		SecondApprover, NoSecondApprover, SameApprover, OwnerTooNew, RestartWaiting, RestartOver,
		SameAddress, TooManyLetters, LetterNotDead, LetterLinkGone,
		NotTheApprover, AnsweredAlready, TooLateToAnswer, NotSuspended, TooManyReports,
		PasswordTooShort, PasswordTooLong, PasswordCommon, PasswordPersonal, PasswordSame, NoPasswordDue, PasswordByLink, NoMail, EmailSame,
		LastOwner, EmailTaken, EmailInvalid, NameMissing, NameTooLong, RoleInvalid, StatusInvalid, TeamNameMissing, TeamNameTaken,
		PolicyChanged, OutOfRange, NumberOutOfRange, HostInvalid, TooManyHosts,
		AlreadyInTeam, AlreadyInvited, NotInvited, TooManyInvitations,
		AddressTwice, ImportEmpty, ImportNoHeader, ImportTooLarge, ImportBroken, ImportOver, ImportHasBadLines, ImportNobody,
		LinkGone, SetupUsed, NoOwnerYet, DateInvalid, InvalidCursor, InvalidField, ServerBusy,
		TextMissing, TextTooLong, TextHasCode, AboutMissing, AskTeamFirst, NoContact, NobodyToAnswer, HelpRequestClosed,
		TooManyHelpRequests, TooManyComments, TooManyVotes,
	}
}

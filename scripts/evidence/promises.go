package main

// promise is one of the promises of docs/security.md with the tests that prove it.
// TestTheTableNamesTests holds that each exists.
type promise struct {
	name, text string
	tests      map[string][]string // package -> tests
	open       string              // why it is not met yet, "" when it is meant to hold
}

const (
	root    = "."
	core    = "internal/core"
	web     = "internal/web"
	forward = "internal/forward"
	seal    = "internal/seal"
)

// promises of the design, each with what tries to break it.
var promises = []promise{
	{
		name: "P1", text: "no code twice, on any surface, at any concurrency, through a crash and a failover with synchronous replication",
		tests: map[string][]string{
			root:            {"TestReplayedCodes", "TestReplayAfterAStart", "TestCodesAreUsedUpInOnePlace", "TestRecoveryCodesAreSpentOnce"},
			core:            {"TestR1", "TestR2", "TestAttemptOpensOneSession", "TestResetLinkIsUsedOnce", "TestR15Pass", "TestPassRace", "TestHistories"},
			"internal/totp": {"TestACodeIsRightOnce", "TestOneCodeOfTwoSteps", "TestTheWindowIsThreeSteps"},
		},
	},
	{
		name: "P2", text: "at most N evaluated guesses, however many browsers, addresses and replicas",
		tests: map[string][]string{
			root:            {"TestGuessesInParallel", "TestAllEntriesAreLimited"},
			core:            {"TestR13", "TestR13TheCaps", "TestR13TheCountStands", "TestR13EveryEntry", "TestR13TwoProcesses", "TestR13TheAddress", "TestHangingUpIsCounted", "TestPassGuessedInParallel", "TestMatchCodeGuessedAtOnce", "TestHistories"},
			"internal/edge": {"TestAddress"},
		},
	},
	{
		name: "P3", text: "nothing for the half-signed-in",
		tests: map[string][]string{
			root:    {"TestWalk", "TestStepUpWalk", "TestAppsCookieOpensNothing", "TestNoDoorOpensHalfWay", "TestAllWaysInAskForTheSecondStep", "TestForgedDevices"},
			core:    {"TestR6", "TestAttemptExpires", "TestAppsToken", "TestHistories"},
			web:     {"TestGuard", "TestHalfSignedIn"},
			forward: {"TestReach", "TestCredentials"},
		},
	},
	{
		name: "P4", text: "nobody weakens somebody of equal or higher rank alone (owners excepted, by the rules)",
		tests: map[string][]string{
			root: {"TestObjectSweep"},
			core: {"TestR3", "TestR7", "TestR7BothAtOnce", "TestR8", "TestR9", "TestR11", "TestR11EveryPairAtOnce", "TestR15", "TestR15Containment", "TestR15SecondApprover", "TestRankActTarget", "TestNobodysObjects", "TestHistories"},
		},
	},
	{
		name: "P5", text: "after any change of factor, password, role or status no earlier session works",
		tests: map[string][]string{
			root: {"TestChangesEndEverySession", "TestSignedOutIsOver"},
			core: {"TestR4", "TestR5", "TestChangesEndSessions", "TestSuspendedWithEveryCredential", "TestWhatHasEndedIsAcceptedByNoOtherProcess", "TestWhatHasEndedIsAcceptedByItsOwnProcessNoLonger", "TestHistories"},
		},
	},
	{
		name: "P6", text: "the database without the key folder signs nobody in",
		tests: map[string][]string{
			root: {"TestCanarySings", "TestCanary", "TestAnswersHoldNoStoredSecret"},
			core: {"TestR10", "TestTokensAreStoredAsKeyedHashes", "TestOtherKeysAreRefused", "TestTheLinkOfALetterIsSealed"},
			seal: {"TestAnotherPlaceDoesNotOpen", "TestPlacesAreUnambiguous", "TestDamageDoesNotOpen", "TestEveryUseHasItsOwnKey"},
		},
	},
	{
		name: "P7", text: "every security event is recorded and mailed, or it did not happen",
		tests: map[string][]string{
			root: {"TestNothingIsLostWhenStorageFails", "TestEveryEventHasItsSentence"},
			core: {"TestR14", "TestTheAuditLogIsOnlyAppendedTo", "TestLettersAreTriedForThreeDays", "TestHistories"},
		},
	},
	{
		name: "P8", text: "errors deny",
		tests: map[string][]string{
			root:    {"TestStorageThatCannot", "TestForgedForms", "TestBadForms", "TestBadBodies", "TestRedirects", "TestOnlyToOwnApps", "TestErrorsDeny", "TestStrangeHosts"},
			core:    {"TestDatabaseAway", "TestSessionsWhileNothingCanBeWritten", "TestReturnHosts"},
			web:     {"TestFaults", "TestFormTokens", "TestNobodySignsOthersIn", "TestWayBack"},
			forward: {"TestAway", "TestPanics", "TestAddressesThatAreNotWhole"},
		},
	},
	{
		name: "P9", text: "a restored backup revives no used code silently",
		tests: map[string][]string{core: {"TestAfterRestore"}},
	},
}

// suites are tests that run apart from the table's, with a length of their own.
var suites = []suite{
	{name: "histories", pkg: core, tests: "TestHistories", short: []string{"RAPID_CHECKS=100"}, long: []string{"RAPID_CHECKS=3000"}},
	{
		name: "single-use", pkg: core, tests: "TestSingleUse", promises: []string{"P1", "P2", "P4", "P5"},
		short: []string{"DOORSTEP_HISTORIES=20"}, long: []string{"DOORSTEP_HISTORIES=2000"},
	},
	{name: "planted", pkg: core, tests: "TestPlantedBugsAreFound", promises: []string{"P1", "P2", "P4", "P5"}},
	{
		name: "crash", pkg: "internal/crashtest", tests: `Test\w+`, promises: []string{"P1", "P5", "P7", "P8"},
		short: []string{"DOORSTEP_CRASH_KILLS=30", "DOORSTEP_CRASH_POSTGRES_KILLS=8"}, long: []string{"DOORSTEP_CRASH_KILLS=500", "DOORSTEP_CRASH_POSTGRES_KILLS=100"},
	},
}

type suite struct {
	name, pkg, tests string
	short, long      []string // variables that choose how much
	promises         []string // that fail with it; what it logs says more
}

// fuzzed says which promise a target's inputs count for; P8 for what is not here.
var fuzzed = map[string]string{
	"FuzzRead": "P1", "FuzzReadPass": "P1", "FuzzMatch": "P1", "FuzzReadMatch": "P2", "FuzzAddress": "P2",
	"FuzzTokens": "P3", "FuzzCookies": "P3", "FuzzCookiePairs": "P3", "FuzzNotMe": "P3", "FuzzCursor": "P4",
	"FuzzOpen": "P6", "FuzzDecodeKey": "P6", "FuzzVerify": "P6",
}

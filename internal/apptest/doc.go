// Package apptest starts all of Doorstep in a test: the real core on a fresh
// store, the real HTTP handler on a port, a clock that the test moves, the
// letters that go out, the log at its most talkative level, a browser that fills
// in forms, a program that speaks the API, and the phones of a made-up team.
//
// It owns how a test gets all that in a few milliseconds: hashing the passwords
// and recovery codes of eight people takes seconds, so it is done once a process
// and every test starts from a copy. It holds no rule of Doorstep and nothing
// that pretends to be a part of it. Only tests import it.
package apptest

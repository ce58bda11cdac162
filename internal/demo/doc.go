// Package demo makes the sample team of `doorstep demo` and owns what stands
// around it: the inbox that catches letters, the phone (a pretend authenticator)
// and the paper with recovery codes.
//
// The team is made through core's verbs alone, under a clock that starts two
// weeks ago. Nothing is read out of core that it would not show its owner: the
// demo activated these people itself and kept what it was shown (R10).
//
// Its routes exist only when the demo runs. It must never be given a real store:
// everybody's password is printed and everybody's codes are on a page.
package demo

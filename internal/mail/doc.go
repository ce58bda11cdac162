// Package mail takes letters from core's queue, puts them into words of the
// addressee's language, and hands them to a sender.
//
// It knows no rule: which event sends which letter, and to whom, core decides in
// the transaction of the act. It must not know a code, a key or a password, and
// cannot: core puts none into a letter (R10). The one secret that a letter may carry
// is its one-use link.
//
// Delivery is at least once: a letter is claimed for some minutes, sent, and marked.
// Whoever dies between sending and marking sends it again, under the same
// Message-ID. What fails waits and is tried again for three days.
package mail

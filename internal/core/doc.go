// Package core holds every rule of Doorstep: who may do what, what is written
// down, and who is told. It is the only room that can reach a table: its SQL and
// its transaction type are unexported, so an edge can only call a verb, and a
// verb checks, changes, ends sessions, records the event and queues the letters
// in one transaction.
//
// Core knows no HTTP, no language and no template. Times come from one injected
// clock; nothing slow (a password hash, a recovery code's slow half, mail)
// happens inside a transaction.
//
// Every verb takes the Actor: who, with which session, from where. It trusts
// none of what that value remembers: the session's row is read again, under the
// lock of its user's row, in the transaction that acts.
package core

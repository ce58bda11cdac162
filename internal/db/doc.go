// Package db opens Doorstep's database, SQLite or PostgreSQL, and hides which of the two it is.
//
// It owns connections, transactions, the queue in front of SQLite's one writer, prepared statements, the lock that
// keeps a second `serve` off a SQLite file, and the question what kind of error an error is. It must not know any
// table, verb, person or setting: whoever holds a *DB sends SQL, and in Doorstep only core holds one.
//
// Rules for the SQL that comes in, since one text serves both engines: $1, $2, … for parameters (never a value inside
// the text), times as integers, []byte for BYTEA, no engine's own functions. Text parameters must be valid UTF-8
// without NUL bytes; others are refused here, because PostgreSQL refuses them and SQLite would store them.
//
// A transaction is Write(ctx, fn). What fn may rely on:
//   - All of it is committed, or nothing. Nil means committed and synced.
//   - One failed statement fails the transaction, on both engines: every later statement and the commit are refused.
//     PostgreSQL works like that anyway. SQLite undoes the whole transaction by itself on a full disk, and what came
//     after would run, and stay, outside of it.
//   - fn may run twice (on PostgreSQL after a deadlock, on SQLite when a shared commit came to nothing), so it changes
//     nothing but the database and variables that it sets anew at every run.
//   - fn does nothing slow (no hash, no mail, no network), and neither Write nor Read of the same DB: on SQLite the
//     first would wait for itself, the second would not see fn's changes, and on PostgreSQL both could use up the pool.
//
// On SQLite, transactions that wait for the writer share a commit, and so one sync of the disk. One after the other runs
// in the same transaction of SQLite, each behind a savepoint of its own; then the first of them commits for all, and none
// is told "done", or "no", before. So fn may see what is not committed yet, but only what is committed with its own work
// or not at all. A fn that fails undoes its own work alone. Where SQLite undoes all of it, each runs again by itself. A
// constraint that is checked at the commit is checked once for all of them.
//
// WriteUnsynced(ctx, fn) is Write without waiting for the disk: a power cut may take the transaction back, nothing else.
package db

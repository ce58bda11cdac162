// Package cli owns the commands: their names, flags, output and exit codes. A
// command parses, calls one verb of core or starts the server, and says what
// happened in sentences.
//
// It is the only room that makes core's console actor, who passes every rank:
// whoever can run the program on the server can read its keys anyway.
//
// The console speaks English. Exit codes: 0 done, 1 failed, 2 wrong usage; 1 and
// 2 print one line on standard error that says why and what to do next.
package cli

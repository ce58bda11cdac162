// Package crashtest kills the real program, and the PostgreSQL behind it, while
// people sign in, lose phones and are restarted, and looks at what is left: nothing
// that was acknowledged is lost, nothing that was accepted once is accepted again, no
// act is done by halves, and no letter gets lost. It has tests and nothing else; it
// reads the tables beside the program, for what the program says of itself is not
// proof enough. It makes the disk below SQLite fail, too, at each single write, sync and
// truncation of a journey, and cuts the power there. Renames are none of them: neither
// SQLite with a log of changes nor the program renames a file.
//
// The short form is part of the tests. The long one:
//
//	DOORSTEP_CRASH_KILLS=500 DOORSTEP_CRASH_POSTGRES_KILLS=100 DOORSTEP_CRASH_DISK=every \
//	go test -count 1 -timeout 3h -v ./internal/crashtest
package crashtest

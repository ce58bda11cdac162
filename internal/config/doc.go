// Package config turns flags and the environment into settings. It owns their
// names, their precedence (flag, then DOORSTEP_…, then DOORSTEP_…_FILE for a
// secret, then the default) and the sentence about each that is wrong.
//
// It imports nothing of ours, opens no socket and no database, and reads no file
// but the one that a …_FILE setting names. What teams decide (policy) is not here:
// it lives in the database and is edited in the pages.
package config

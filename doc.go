// Package doorstep is 2-step sign-in for teams, with a safe way back in.
//
// The program is cmd/doorstep; the rules are in internal/core. What lies where,
// and what may know what, is in docs/architecture.md, and architecture_test.go
// holds it.
package doorstep

package doorstep_test

import (
	"os"
	"testing"

	"doorstep/internal/db/dbtest"
)

// TestMain says what `go test ./...` alone cannot run; make test runs it next.
func TestMain(m *testing.M) {
	if os.Getenv("MAKELEVEL") == "" && os.Getenv("CI") != "true" {
		dbtest.Loudly("LEFT OUT: the journeys in a real browser, a module of their own in e2e/; run make test")
	}
	os.Exit(m.Run())
}

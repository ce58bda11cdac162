package doorstep_test

import (
	"net/http"
	"testing"

	"doorstep/internal/apptest"
	"doorstep/internal/core"
)

// TestFormsSentTwice: without a script nobody stops a second press. Whatever a form
// does, sent twice it was done once: no second event, letter or row, and whoever sees
// the second answer is told of no fault of theirs.
func TestFormsSentTwice(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	n := 0
	for _, r := range a.Routes {
		if r.Method != http.MethodPost || isAPI(r) || r.Needs == core.NeedProxy {
			continue
		}
		by := in[owner]
		switch r.Needs {
		case core.NeedAttempt:
			by = in[half]
		case core.NeedActivation:
			by = in[activation]
		}
		first := by.try(a, r)
		if first.Status >= 400 { // a refused try was counted, and so is a second one
			a.Restore()
			continue
		}
		n++
		once := a.Dump()
		second := by.try(a, r)
		if again := a.Dump(); again != once && r.Path != "/forgot-password" { // a form of nobody's: so many letters in an hour
			t.Errorf("%s wrote again: %s", r, difference(once, again))
		}
		if second.Status >= 400 {
			t.Errorf("%s: first %d %s, then %d %s", r, first.Status, first.Header.Get("Location"), second.Status, shortened(second.Body))
		}
		a.Restore()
	}
	if n < 20 {
		t.Errorf("only %d forms did something", n)
	}
}

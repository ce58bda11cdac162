package doorstep_test

import (
	"net/http"
	"strings"
	"testing"

	"doorstep/internal/apptest"
)

// TestGetWritesNothing: whatever somebody looks at, and however often, stays as it
// was: a link, a picture on another site or a browser that loads ahead does nothing.
// Two things are written by looking, and are named here: when a session was last
// used, and, for whoever must activate and has no activation yet, the one that the
// page shows; looked at again it is the same one, and for a request that another site
// began none is made (internal/web/activation.go).
func TestGetWritesNothing(t *testing.T) {
	t.Parallel()
	state, in := theCrowd(t)
	a := apptest.Start(t, apptest.Options{State: state})
	for _, v := range in { // from here on nobody's last-seen time moves
		if v.token != "" {
			v.ask(a, http.MethodGet, "/sign-out", "", nil)
		}
	}
	before, n := a.Dump(), 0
	for _, name := range visitors {
		for _, r := range a.Routes {
			if r.Method != http.MethodGet {
				continue
			}
			n++
			in[name].try(a, r)
			once := a.Dump()
			in[name].try(a, r)
			if again := a.Dump(); again != once && !exports(r.Path) {
				t.Errorf("%s: %s wrote again: %s", name, r, difference(once, again))
			}
			if after := a.Dump(); after != before {
				if begins := r.Path == "/me/two-step/activate" && name == newcomer; !begins && !exports(r.Path) {
					t.Errorf("%s: %s wrote: %s", name, r, difference(before, after))
				}
				a.Restore()
			}
		}
	}
	if n < 300 {
		t.Errorf("only %d looks", n)
	}
}

// exports are files with everybody in them: taking one along is recorded, on purpose.
func exports(path string) bool { return strings.HasSuffix(path, "/export") }

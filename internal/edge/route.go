package edge

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"doorstep/internal/core"
)

// Route is one row of the table of routes: what `doorstep routes` prints and what
// the security tests walk.
type Route struct {
	Method  string // GET, POST, …
	Path    string // a pattern of http.ServeMux without the method
	Needs   core.Need
	Handler http.Handler
}

func (r Route) String() string { return fmt.Sprintf("%s %s %s", r.Method, r.Path, r.Needs) }

// Table puts routes on a mux. A route that nobody classified stops the start.
func Table(routes []Route) (*http.ServeMux, error) {
	mux := http.NewServeMux()
	for _, r := range routes {
		if r.Needs == "" {
			return nil, fmt.Errorf("route %s %s says not what it needs", r.Method, r.Path)
		}
		if r.Handler == nil {
			return nil, fmt.Errorf("route %s %s has no handler", r.Method, r.Path)
		}
		mux.Handle(r.Method+" "+r.Path, r.Handler)
	}
	return mux, nil
}

// Print lists routes in the order of their paths, one a line.
func Print(routes []Route) string {
	sorted := slices.Clone(routes)
	slices.SortStableFunc(sorted, func(a, b Route) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	var b strings.Builder
	for _, r := range sorted {
		fmt.Fprintln(&b, r)
	}
	return b.String()
}

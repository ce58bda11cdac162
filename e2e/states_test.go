package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// state is a page in one state, as the tour of internal/web got it from the running
// handlers: a page that somebody adds to the tour is looked at here.
type state struct {
	Name, Path string
	Status     int
	Policy     string
	Body       string
}

// tour has every page in every state and language. `make test` has just drawn them
// (PAGES says where); otherwise the tour is gone through here.
var tour = sync.OnceValues(func() (map[string][]state, error) {
	folder := os.Getenv("PAGES")
	if _, err := os.Stat(filepath.Join(folder, languages[0]+".json")); folder == "" || err != nil {
		made, err := os.MkdirTemp("", "doorstep-e2e-tour-")
		if err != nil {
			return nil, err
		}
		folder = made
		whenDone(func() { _ = os.RemoveAll(made) })
		c := exec.Command("go", "test", "-count=1", "-run=^TestEveryPage$", "./internal/web")
		c.Dir, c.Env = "..", append(os.Environ(), "GOFLAGS=", "PAGES="+folder)
		if text, err := c.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go through the tour: %w\n%s", err, text)
		}
	}
	all := map[string][]state{}
	for _, l := range languages {
		text, err := os.ReadFile(filepath.Join(folder, l+".json"))
		if err != nil {
			return nil, err
		}
		var list []state
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, err
		}
		all[l] = list
	}
	for _, asset := range []string{"app.css", "app.js", "favicon.svg"} {
		text, err := os.ReadFile(filepath.Join(folder, asset))
		if err != nil {
			return nil, err
		}
		all[asset] = []state{{Body: string(text)}}
	}
	return all, nil
})

// tourServer shows the tour's pages with the status and the policy that each came with.
func tourServer(t *testing.T) (*program, map[string][]state) {
	t.Helper()
	all, err := tour()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := readAxe()
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]state{}
	for _, l := range languages {
		for _, s := range all[l] {
			pages["/"+l+"/"+s.Name] = s
		}
	}
	mux := http.NewServeMux()
	for asset, kind := range map[string]string{"app.css": "text/css", "app.js": "text/javascript", "favicon.svg": "image/svg+xml"} {
		mux.HandleFunc("/assets/"+asset, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "max-age=3600")
			fmt.Fprint(w, all[asset][0].Body)
		})
	}
	mux.HandleFunc("/assets/axe.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		w.Header().Set("Cache-Control", "max-age=3600")
		fmt.Fprint(w, engine)
	})
	mux.HandleFunc("/session/watch", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(time.Minute):
		}
	})
	mux.HandleFunc("/{language}/{name}", func(w http.ResponseWriter, r *http.Request) {
		s, found := pages[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", s.Policy)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(s.Status)
		fmt.Fprint(w, s.Body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &program{url: server.URL}, all
}

// TestEveryState looks at every page in every state.
func TestEveryState(t *testing.T) {
	need(t, axeTool)
	p, all := tourServer(t)
	for _, l := range languages {
		t.Run(l, func(t *testing.T) {
			t.Parallel()
			onlooker := arrives(t, p, account{name: "an onlooker"}, how{language: l})
			onlooker.watch.onlooks = true
			g := &gallery{t: t, language: l, load: loadAxe}
			for _, s := range all[l] {
				onlooker.opens("/" + l + "/" + s.Name)
				g.look(onlooker, s.Name)
			}
			t.Logf("%d states; the accessibility engine judged %d", len(all[l]), len(g.judged))
		})
	}
}

// loadAxe takes the engine from the same origin, so that the page's own policy lets it
// in and the browser compiles it once.
const loadAxe = `new Promise((done, failed) => {
	const s = document.createElement("script")
	s.src = "/assets/axe.js"
	s.onload = () => { s.remove(); done(true) }
	s.onerror = failed
	document.head.append(s)
})`

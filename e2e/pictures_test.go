package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPictures draws the pictures of the README and the docs, from the demo. It
// changes files, so it only does when it is told where: `make pictures` says
// docs/pictures (UPDATE=1); PICTURES=folder says another place.
func TestPictures(t *testing.T) {
	folder := os.Getenv("PICTURES")
	if folder == "" && os.Getenv("UPDATE") == "1" {
		folder = "../docs/pictures"
	}
	if folder == "" {
		t.Log("draws nothing: make pictures does")
		return
	}
	need(t)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	d, err := start("demo", "--listen", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.stop) // after the browsers, whose pages ask it all the time
	// Each by day and by night: the README shows the one that its reader's screen is in.
	draw := func(p *person, name string, h how) {
		t.Helper()
		for _, h.dark = range []bool{false, true} {
			p.looks(h)
			eval[any](p, `scrollTo({top: 0, behavior: "instant"}); null`)
			file := filepath.Join(folder, name+map[bool]string{false: ".png", true: "-dark.png"}[h.dark])
			if h.height == 0 {
				p.keeps(file)
			} else if err := os.WriteFile(file, p.picture(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p.looks(how{})
	}

	ana := arrives(t, d, demoAccount("Ana Duarte", "ana"), how{})
	code := ana.shows(ana.email)
	ana.signsIn()
	draw(ana, "second-step", how{width: 1280})
	ana.types(code)
	ana.clicks(ana.say("nav.team"))
	draw(ana, "team-320", how{width: 320, height: 800})
	ana.presses(ana.say("team.actions", args{"name": "Carla Méndez"}))
	draw(ana, "team", how{width: 1280, height: 1000})
	ana.clicks(ana.say("re.item"))
	draw(ana, "restart", how{width: 1280})

	elena := arrives(t, d, demoAccount("Elena Rossi", "elena"), how{})
	elena.signsIn()
	elena.goesToActivation()
	draw(elena, "activate", how{width: 1280})
	elena.confirms()
	draw(elena, "recovery-codes", how{width: 1280})
	elena.presses(elena.say("codes.ack"))
	elena.clicks(elena.say("common.finish"))
}

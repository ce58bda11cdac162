package web

import (
	"time"

	"doorstep/internal/core"
	"doorstep/internal/edge"
)

// keepDevice puts what core gave for a remembered device into the browser, in the
// place of what it held: each token works once. nil leaves what is there.
func (v *visit) keepDevice(d *core.RememberedDevice) {
	if d != nil {
		v.web.cookies.set(v.rw, deviceCookie, d.Token, d.ExpiresAt.Sub(v.core.Now()))
	}
}

// deviceLine is one remembered device, in words.
type deviceLine struct {
	ID, Name    string
	Short       string // of the name, for the button
	Until, Used time.Time
	Place       string
}

func (v *visit) devices() ([]deviceLine, error) {
	found, err := v.core.Devices(v.ctx(), v.by())
	var lines []deviceLine
	for _, d := range found {
		name := edge.Device(v.words, d.Device)
		lines = append(lines, deviceLine{
			ID: d.ID, Name: name, Short: shortName(name), Until: d.ExpiresAt, Used: d.LastUsedAt, Place: edge.Place(v.words, d.Address),
		})
	}
	return lines, err
}

// forgetDevice makes one of one's own devices ask for the second step again. One
// that is forgotten already is no mistake.
func forgetDevice(v *visit) error {
	id := v.sent("device")
	known, err := v.devices()
	if err != nil {
		return err
	}
	says := notice{Says: "dev.already"}
	for _, d := range known {
		if d.ID == id {
			says = notice{Says: "dev.forgotten", With: map[string]string{"device": d.Name}}
		}
	}
	err = v.core.ForgetDevice(v.ctx(), v.by(), id)
	if core.IsRefusal(err, core.Missing) {
		says, err = notice{Says: "dev.already"}, nil
	}
	if err != nil {
		return err
	}
	v.tell(says)
	return v.see("/me/sessions")
}

package demo

import (
	"net/http"
	"time"

	"doorstep/internal/words"
)

// Grouped is the code as phones show it: in two halves.
func (s Shown) Grouped() string { return s.Code[:3] + " " + s.Code[3:] }

type phonePage struct {
	data
	progress
	Accounts      []Shown
	Notice, Wrong string
}

// wrongKey shows the phone again; the key that was typed is not written back.
func (d *Demo) wrongKey(rw http.ResponseWriter, r *http.Request) {
	page := d.lookAtPhone(r)
	page.Wrong = page.Say("demo.phone.bad")
	d.show(rw, r, http.StatusUnprocessableEntity, "phone", page.Say("err.prefix")+" "+page.Say("demo.phone"), page)
}

func (d *Demo) phone(rw http.ResponseWriter, r *http.Request) {
	page := d.lookAtPhone(r)
	d.mu.Lock()
	if d.notice != nil {
		page.Notice = d.notice(page.Words)
		d.notice = nil
	}
	d.mu.Unlock()
	d.show(rw, r, http.StatusOK, "phone", page.Say("demo.phone"), page)
}

func (d *Demo) lookAtPhone(r *http.Request) phonePage {
	w := d.web.Language(r)
	return phonePage{data: data{w}, progress: d.progress(r.Context(), w), Accounts: d.Phone.Accounts(time.Now())}
}

// paste takes a key that somebody typed or pasted.
func (d *Demo) paste(rw http.ResponseWriter, r *http.Request) {
	a, err := d.Phone.Scan(r.PostFormValue("key"))
	if err != nil {
		d.wrongKey(rw, r)
		return
	}
	d.tell(func(w words.Words) string { return w.Say("demo.phone.added", words.Args{"account": a.Label}) })
	http.Redirect(rw, r, "/demo/phone", http.StatusSeeOther)
}

// scan is the button beside the QR code: the form hands over what that page
// already shows its owner, so core needs no way to give it out (R10).
func (d *Demo) scan(rw http.ResponseWriter, r *http.Request) {
	a, err := d.Phone.Scan(r.PostFormValue("uri"))
	if err != nil {
		d.wrongKey(rw, r)
		return
	}
	d.web.Notice(rw, "demo.phone.scanned", map[string]string{"code": a.Code})
	http.Redirect(rw, r, "/me/two-step/activate", http.StatusSeeOther)
}

// drop breaks the phone; then one lives through losing it.
func (d *Demo) drop(rw http.ResponseWriter, r *http.Request) {
	d.Phone.Drop()
	d.tell(func(w words.Words) string { return w.Say("demo.phone.dropped") })
	http.Redirect(rw, r, "/demo/phone", http.StatusSeeOther)
}

func (d *Demo) tell(say func(words.Words) string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notice = say
}

// paper shows the sheets of those whose app is the phone. The codes are those that
// the demo was shown when it activated them.
func (d *Demo) paper(rw http.ResponseWriter, r *http.Request) {
	type sheet struct {
		Name  string
		Codes []paperCode
	}
	page := struct {
		data
		Sheets []sheet
	}{data: data{d.web.Language(r)}}
	for _, p := range d.team.all() {
		if p.OnPhone {
			page.Sheets = append(page.Sheets, sheet{p.Name, p.codes})
		}
	}
	d.show(rw, r, http.StatusOK, "paper", page.Say("demo.paper"), page)
}

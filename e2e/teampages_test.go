package e2e

// The pages for owners and admins, as the walk of TestPages sees them.

// bringingIn are the ways into the team, refused and not.
func (w walk) bringingIn(ana *person) {
	ana.clicks(ana.say("nav.team"))
	ana.clicks(ana.say("team.invite"))
	w.look(ana, "invite")
	ana.fills(ana.say("inv.emails"), "not an address")
	ana.clicks(ana.say("csv.send"))
	w.look(ana, "invite-refused")
	ana.fills(ana.say("inv.emails"), newAccount("Gwen Parry").email)
	ana.clicks(ana.say("csv.send"))
	ana.sees(ana.say("inv.made", args{"n": 1}))
	w.look(ana, "invite-made")

	ana.opens("/team/import")
	w.look(ana, "import")
	ana.clicks(ana.say("csv.look"))
	w.look(ana, "import-refused")
	ana.fills(ana.say("csv.paste"), "email,name,role\n"+newAccount("Farid Haddad").email+",Farid Haddad,member\nnot an address,Nobody,member\n")
	ana.clicks(ana.say("csv.look"))
	w.look(ana, "import-look")
	ana.clicks(ana.say("csv.send"))
	w.look(ana, "import-look-refused")
	ana.presses(ana.say("csv.leave"))
	ana.clicks(ana.say("csv.send"))
	ana.sees(ana.say("inv.made", args{"n": 1}))
	w.look(ana, "import-done")
	ana.clicks(ana.say("team.title"))
	ana.clicks("Farid Haddad")
	w.look(ana, "user-invited")
	ana.clicks(ana.say("inv.again"))
	w.look(ana, "user-invited-again")
	ana.opens("/team/letters")
	w.look(ana, "letters")
}

// changing are the small forms about one person.
func (w walk) changing(ana *person) {
	nora := w.team.add(w.t, "Nora Blake", "member")
	of := "/team/users/" + nora.id
	for _, form := range []string{"rename", "role", "suspend", "remove"} {
		ana.opens(of + "/" + form)
		w.look(ana, "user-"+form)
	}
	ana.opens(of + "/rename")
	ana.fills(ana.say("me.name"), "")
	ana.clicks(ana.say("common.save"))
	w.look(ana, "user-rename-refused")
	ana.opens(of + "/suspend")
	ana.clicks(ana.say("user.suspend.button"))
	w.look(ana, "user-suspended")
	ana.opens(of + "/bringback")
	w.look(ana, "user-bringback")
	ana.opens(of + "/remove")
	ana.clicks(ana.say("user.remove.button"))
	ana.isAt("/team")
	w.look(ana, "team-removed")
}

// theAuditLog has, by then, something of nearly everything in it.
func (w walk) theAuditLog(ana *person) {
	ana.clicks(ana.say("nav.audit"))
	w.look(ana, "audit")
	ana.weighs("audit", 0)
	ana.clicks(eval[string](ana, `document.querySelector("tbody a").textContent`))
	w.look(ana, "audit-event")
	ana.opens("/team/audit?q=nobody-of-that-name")
	w.look(ana, "audit-none")
	ana.opens("/team/audit?from=2026-12-31&to=2026-01-01")
	w.look(ana, "audit-refused")
}

// twoApprove is a team that wants a second approver: an admin is restarted, gets a
// pass and activates, and the team is asked whether that was him.
func (w walk) twoApprove(ana *person) {
	ana.clicks(ana.say("nav.policy"))
	ana.chooses(ana.say("pol.second"), ana.say("pol.yes"))
	ana.clicks(ana.say("pol.look"))
	w.look(ana, "policy-effect")
	ana.clicks(ana.say("pol.save"))
	ana.sees(ana.say("pol.saved"))
	ana.opens("/team/restarts")
	w.look(ana, "restarts-none")

	olu, bruno := w.arrives(w.team.add(w.t, "Olu Adeyemi", "owner")), w.arrives(w.team.add(w.t, "Bruno Costa", "admin"))
	olu.signsIn()
	olu.activates()
	bruno.signsIn()
	bruno.goesToActivation()
	bruno.activates()
	ana.opens("/team/users/" + bruno.id + "/restart")
	w.look(ana, "restart-second")
	ana.confirmsRestart(bruno.account)
	w.look(ana, "user-waiting")
	ana.opens("/team/restarts")
	w.look(ana, "restarts")
	ana.clicks(ana.say("second.look"))
	w.look(ana, "restart-own")
	olu.opens("/team/restarts")
	olu.clicks(olu.say("second.look"))
	w.look(olu, "restart-approve")
	olu.clicks(olu.say("req.approve"))
	pass := olu.passOnPage()
	w.look(olu, "receipt")

	bruno.signsIn()
	bruno.phone = nil
	w.look(bruno, "pass")
	bruno.fills(bruno.say("pass.label"), "0000-0000-0000")
	bruno.clicks(bruno.say("common.continue"))
	w.look(bruno, "pass-refused")
	bruno.fills(bruno.say("pass.label"), pass)
	bruno.clicks(bruno.say("common.continue"))
	w.look(bruno, "pass-accepted")
	bruno.activates()

	olu.opens("/team/users/" + bruno.id)
	w.look(olu, "user-asked")
	olu.clicks(olu.say("user.asked", args{"name": bruno.name}))
	w.look(olu, "was-this-them")
	olu.clicks(olu.say("was.no"))
	w.look(olu, "user-frozen")
}

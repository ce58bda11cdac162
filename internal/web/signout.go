package web

// signOutPage is for who comes by a link: leaving takes a form, never a GET.
type signOutPage struct{ common }

func showSignOut(v *visit) error {
	return v.show("sign-out", &signOutPage{v.common(v.say("out.title"))})
}

// signOut ends this session. The dead cookie stays until the next sign-in and
// tells the sign-in page what happened.
func signOut(v *visit) error {
	if err := v.core.SignOut(v.ctx(), v.by()); err != nil {
		return err
	}
	v.dropAppsToken()
	return v.see("/sign-in")
}

package e2e

import "testing"

// TestJ2SignIn: password, then an authentication code or a recovery code, in one
// field that takes either.
//
// NIST 2.2.1
func TestJ2SignIn(t *testing.T) {
	need(t)
	t.Run("with JavaScript", func(t *testing.T) { t.Parallel(); journey2(t, how{}) })
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); journey2(t, how{noJavaScript: true}) })
}

func journey2(t *testing.T, h how) {
	x := newTeam(t)
	carla := arrives(t, x.program, x.add(t, "Carla Méndez", "owner"), h)
	carla.signsIn()
	carla.activates()
	carla.signsOut()
	carla.sees(carla.say("ended.signed_out"))

	// A wrong password says which of nothing: email or password.
	right := carla.password
	carla.password = "seven loud lanterns"
	carla.signsIn()
	carla.got(401)
	carla.sees(carla.say("signin.wrong"))
	if kept := carla.value(carla.say("signin.email")); kept != carla.email {
		t.Errorf("the email field holds %q after a refusal, not what was typed", kept)
	}
	if kept := carla.value(carla.say("signin.password")); kept != "" {
		t.Errorf("the password field holds what was typed")
	}
	carla.password = right

	// Who has no phone is told what to do without a click.
	carla.signsIn()
	carla.sees(carla.say("step.nophone"), carla.say("step.nophonehelp"))
	carla.types(carla.phone.wrong(t))
	carla.got(422)
	carla.sees(carla.say("step.nomatch"))
	code := carla.phone.newest(t)
	carla.types(code[:3] + " " + code[3:])
	carla.isAt("/")
	carla.sees(carla.say("home.title", args{"name": carla.name}))
	carla.signsOut()

	// A code that is right and used gets its own sentence (R1).
	carla.signsIn()
	carla.types(code)
	carla.got(422)
	carla.sees(carla.say("step.used"))
	carla.opens("/sign-in")

	// A recovery code as it is typed off paper; a typo costs nothing.
	carla.signsIn()
	a := carla.recoveryCode()
	carla.types(withTypo(a))
	carla.got(422)
	carla.sees(carla.say("rec.typo"))
	carla.types(asTyped(a))
	carla.isAt("/")
	carla.sees(carla.say("rec.left", args{"n": 9}), carla.say("rec.hour"))
	carla.signsOut()

	// It works once, ever.
	carla.signsIn()
	carla.types(a)
	carla.got(422)
	carla.sees(carla.say("rec.nomatch"))
	carla.types(carla.phone.code(t))
	carla.isAt("/")
}

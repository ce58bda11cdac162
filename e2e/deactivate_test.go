package e2e

import "testing"

// TestJ3Reset is the self-service reset with recovery codes, whole.
func TestJ3Reset(t *testing.T) {
	need(t)
	t.Run("with JavaScript", func(t *testing.T) { t.Parallel(); journey3(t, how{}) })
	t.Run("without JavaScript", func(t *testing.T) { t.Parallel(); journey3(t, how{noJavaScript: true}) })
	t.Run("in Spanish", func(t *testing.T) { t.Parallel(); journey3(t, how{language: "es"}) })
	t.Run("in Portuguese", func(t *testing.T) { t.Parallel(); journey3(t, how{language: "pt-BR"}) })
}

func journey3(t *testing.T, h how) {
	x := newTeam(t)
	x.add(t, "Ana Duarte", "owner")
	carla := arrives(t, x.program, x.add(t, "Carla Méndez", "member"), h)
	carla.signsIn()
	carla.goesToActivation()
	carla.activates()
	old := carla.phone
	carla.signsOut()

	// (1) the password, (2) recovery code A.
	carla.signsIn()
	a, b := carla.recoveryCode(), carla.recoveryCode()
	carla.types(a)
	carla.isAt("/")
	// (3) User information, (4) 2-step authentication.
	carla.clicks(carla.say("nav.me"))
	carla.clicks(carla.say("two.title"))
	carla.clicks(carla.say("two.deactivate"))
	carla.isAt("/me/two-step/deactivate")
	carla.sees(carla.say("off.hintrec")) // before anything is typed
	// A again is refused and changes nothing.
	carla.fills(carla.say("off.labelrec"), a)
	carla.clicks(carla.say("off.button"))
	carla.got(422)
	carla.sees(carla.say("off.same"))
	// (5) a different code, (6) Deactivate.
	carla.fills(carla.say("off.labelrec"), asTyped(b))
	carla.clicks(carla.say("off.button"))
	carla.isAt("/sign-in")
	carla.sees(carla.say("ended.deactivated"))

	// (7) the same email and password lead to activation and to nothing else.
	carla.signsIn()
	carla.isAt("/me/two-step/activate")
	carla.sees(carla.say("act.duedeactivated"))
	carla.isHeldAtActivation()
	// (8) activate again, with any app.
	spare := carla.recoveryCode()
	carla.activates()
	if carla.phone.secret == old.secret {
		t.Error("the new QR code holds the old key")
	}
	carla.isAt("/me") // the page that was wanted last

	// What was before is dead: the old app and the old codes.
	carla.signsOut()
	carla.signsIn()
	carla.types(old.code(t))
	carla.got(422)
	carla.types(spare)
	carla.got(422)
	carla.sees(carla.say("rec.nomatch"))
}

package code

// MatchDigits is how many digits a match code has: what somebody who lost
// everything reads out to their team. Never six: nobody must get used to reading
// an authentication code to a caller.
const MatchDigits = 4

// ReadMatch cleans a typed match code as Read cleans codes, and returns its digits.
// It says no for everything that is not exactly four of them; authentication says
// that it has the shape of an authentication code, which nobody should have heard.
func ReadMatch(text string) (digits string, ok, authentication bool) {
	if len(text) > maxText {
		return "", false, false
	}
	clean, digitsOnly := tidy(text)
	if !digitsOnly {
		return "", false, false
	}
	return clean, len(clean) == MatchDigits, len(clean) == 6
}

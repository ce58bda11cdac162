package code

import "testing"

// Text that people write for each other holds no code: T-HELP-1.
func TestWithin(t *testing.T) {
	fresh, pass := New(), NewPass()
	for _, text := range []string{
		"my code is 634977", "634977", "634 977 does not work", "code: 634-977.", "it says 63 49 77 now", "６３４９７７", "٦٣٤٩٧٧", "634\u00a0977",
		"The first is\n634977\nand it fails", "(634977)", "634\u200b977",
		Display(fresh), "I have " + Display(fresh) + " left", "kayp-lz3p-ke5v-5j1h", "KAYP–LZ3P–KE5V–5J1H", DisplayPass(pass) + " is the pass",
		"k7qm-2x4p-9dth", "otpauth://totp/x?secret=y",
		"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp",
	} {
		if !Within(text) {
			t.Errorf("%q passes", text)
		}
	}
	for _, text := range []string{
		"", "My phone fell into the sea.", "I typed the code 3 times on 2026-11-24 at 14:05.", "Call me at +1 555 123 4567", "Llámame al 55 1234 5678",
		"It was 12345 or so", "Request R-4820937", "That took 1234567 ms", "on 24-11-26", "this that with from", "we have 10 of 10 codes left",
		"1.234,56 and 100.000", "Firefox 128.0.3 on Windows 11", "the error number was 7f3a9c21", "room 12 34", "4 times 6 digits", "ten codes, each xxxx-xxxx-xxxx-xxxx",
		"year-long-test-case",
	} {
		if Within(text) {
			t.Errorf("%q seems to hold a code", text)
		}
	}
}

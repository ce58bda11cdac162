package code

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const example = "kayp1z3pke5v5j1h"

// TestReadRecoveryCodes is T-RC-7: every way that people, mail programs and
// keyboards write the same code.
//
// T-RC-7, R16
func TestReadRecoveryCodes(t *testing.T) {
	want := Reading{Kind: Recovery, Canonical: example, Typed: 16}
	for _, text := range []string{
		"kayp1z3pke5v5j1h",
		"kayp-1z3p-ke5v-5j1h",
		"KAYP-1Z3P-KE5V-5J1H",
		"KaYp-1z3P-kE5v-5J1h",
		"kayp-lz3p-ke5v-5jlh",
		"kayp-iz3p-ke5v-5jIh",
		"KAYP-LZ3P-KE5V-5JLH",
		"kayp 1z3p ke5v 5j1h",
		"  kayp-1z3p-ke5v-5j1h\r\n",
		"k-a-y-p-1-z-3-p-k-e-5-v-5-j-1-h",
		"--kayp1z3p--ke5v5j1h--",
		"kayp - 1z3p - ke5v - 5j1h",
		"kayp\u20101z3p\u2011ke5v\u20125j1h",
		"kayp\u20131z3p\u2014ke5v\u20155j1h",
		"kayp\u22121z3p\u2212ke5v\u22125j1h",
		"kayp\u00ad1z3p\uff0dke5v-5j1h",
		"kayp\u00a01z3p\u202fke5v\u30005j1h",
		"kayp\u20091z3p\u2028ke5v\u16805j1h\t",
		"\ufeffkayp-1z3p-ke5v-5j1h\u200b\u200e\u2060",
		"ｋａｙｐ－１ｚ３ｐ－ｋｅ５ｖ－５ｊ１ｈ",
		"ＫＡＹＰ　１Ｚ３Ｐ　ＫＥ５Ｖ　５Ｊ１Ｈ",
		"kayp-١z٣p-ke٥v-٥j١h",
		"kayp-۱z۳p-ke۵v-۵j۱h",
	} {
		if got := Read(text); got != want {
			t.Errorf("Read(%q) = %+v", text, got)
		}
	}
}

func TestReadsOAsZero(t *testing.T) {
	code := New()
	for !strings.Contains(code, "0") {
		code = New()
	}
	for _, o := range []string{"o", "O", "ｏ", "Ｏ", "0", "０", "٠", "۰"} {
		if got := Read(strings.ReplaceAll(code, "0", o)); got.Canonical != code || got.Problem != None {
			t.Errorf("%s for 0 in %s: %+v", o, code, got)
		}
	}
}

// TestReadAuthenticationCodes is the other half of T-RC-8.
//
// T-RC-8
func TestReadAuthenticationCodes(t *testing.T) {
	want := Reading{Kind: Authentication, Canonical: "012345", Typed: 6}
	for _, text := range []string{
		"012345", "012 345", " 012-345 ", "0 1 2 3 4 5", "012\u00a0345", "012\u202f345\n", "012–345",
		"０１２３４５", "٠١٢٣٤٥", "۰۱۲۳۴۵", "０1٢۳4５", "\u200e012345\u200f",
	} {
		if got := Read(text); got != want {
			t.Errorf("Read(%q) = %+v", text, got)
		}
	}
}

// TestReadProblems: what is neither, and what the person hears about it.
func TestReadProblems(t *testing.T) {
	for _, v := range []struct {
		text string
		want Reading
	}{
		{"", Reading{Empty, "", 0, Blank}},
		{" \t\r\n-–\u00a0", Reading{Empty, "", 0, Blank}},
		{"1", Reading{WrongLength, "", 1, WrongLengthDigits}},
		{"12345", Reading{WrongLength, "", 5, WrongLengthDigits}},
		{"1234567", Reading{WrongLength, "", 7, WrongLengthDigits}},
		{"12345678", Reading{WrongLength, "", 8, WrongLengthDigits}},
		{"123456123456", Reading{WrongLength, "", 12, WrongLengthDigits}},
		{"12345678901234567", Reading{WrongLength, "", 17, WrongLengthDigits}},
		{"kayp-1z3p-ke5v-5j1", Reading{WrongLength, "", 15, WrongLengthRecovery}},
		{"kayp-1z3p-ke5v-5j1hh", Reading{WrongLength, "", 17, WrongLengthRecovery}},
		{"kayp-1z3p-ke5v-5j1h kayp-1z3p-ke5v-5j1h", Reading{WrongLength, "", 32, WrongLengthRecovery}},
		{"12345o", Reading{WrongLength, "", 6, WrongLengthRecovery}}, // o is 0 in a recovery code only
		{"l23456", Reading{WrongLength, "", 6, WrongLengthRecovery}},
		{"123.456", Reading{WrongLength, "", 7, WrongLengthRecovery}},
		{"⑥⑥⑥⑥⑥⑥", Reading{WrongLength, "", 6, WrongLengthRecovery}},  // NFKC would make 666666
		{"１２３４５⁶", Reading{WrongLength, "", 6, WrongLengthRecovery}},  // a superscript is not a digit
		{"१२३४५६", Reading{WrongLength, "", 6, WrongLengthRecovery}},  // not listed: no other digits
		{"kayp-1z3p-ke5v-5j1u", Reading{Recovery, "", 16, Typo}},      // u is in no code
		{"\u212aayp-1z3p-ke5v-5j1h", Reading{Recovery, "", 16, Typo}}, // the Kelvin sign is no k
		{"kayp-1z3p-ke5v-5j1ñ", Reading{Recovery, "", 16, Typo}},
		{"kayp-1z3p-ke5v-5j1\xff", Reading{Recovery, "", 16, Typo}}, // broken UTF-8
		{"kayp_1z3p.ke5v,5", Reading{Recovery, "", 16, Typo}},       // 16 by accident
		{"kayp-1z3p-ke5v-5j1\x00", Reading{Recovery, "", 16, Typo}},
		{"1234567890123456", Reading{Recovery, "", 16, Typo}},           // a card number, by the check symbol
		{"kayp-1z3p-ke5v-5jh1", Reading{Recovery, "", 16, Typo}},        // swapped
		{"0000-0000-0000-0000", Reading{Recovery, zeros(16), 16, None}}, // well formed, and wrong
		{strings.Repeat("1", 100), Reading{WrongLength, "", 100, WrongLengthDigits}},
	} {
		if got := Read(v.text); got != v.want {
			t.Errorf("Read(%q)\n got %+v\nwant %+v", v.text, got, v.want)
		}
	}
}

func zeros(n int) string { return strings.Repeat("0", n) }

// TestAnOverlongTextIsNoCode: also when its beginning would be one.
func TestAnOverlongTextIsNoCode(t *testing.T) {
	pad := strings.Repeat(" ", maxText)
	for _, v := range []struct {
		text    string
		problem Problem
	}{
		{"123456" + pad, WrongLengthDigits},
		{example + pad, WrongLengthRecovery},
		{pad + "123456", WrongLengthRecovery},
		{pad + " ", WrongLengthRecovery},
		{zeros(1_000_000), WrongLengthDigits},
		{strings.Repeat("é", 1_000_000), WrongLengthRecovery},
	} {
		got := Read(v.text)
		if got.Kind != WrongLength || got.Problem != v.problem || got.Canonical != "" || got.Typed > maxText {
			t.Errorf("%d bytes %.20q: %+v", len(v.text), v.text, got)
		}
	}
	if got := Read("123456" + pad[:maxText-6]); got.Kind != Authentication {
		t.Errorf("%d bytes: %+v", maxText, got)
	}
	huge := strings.Repeat("\u2003-", 10_000_000)
	begun := time.Now()
	Read(huge)
	if took := time.Since(begun); took > 100*time.Millisecond {
		t.Errorf("50 MB took %v", took)
	}
}

// TestReadDisplay is the property that a printed code can be typed in again.
//
// T-RC-7
func TestReadDisplay(t *testing.T) {
	for range 20_000 {
		c := New()
		want := Reading{Kind: Recovery, Canonical: c, Typed: 16}
		for _, text := range []string{c, Display(c), strings.ToUpper(Display(c))} {
			if got := Read(text); got != want {
				t.Fatalf("Read(%q) = %+v", text, got)
			}
		}
	}
}

func TestWordsForEveryKindAndProblem(t *testing.T) {
	words := map[string]bool{}
	for k := Empty; k <= WrongLength; k++ {
		words[k.String()] = true
	}
	for p := None; p <= Typo; p++ {
		words[p.String()] = true
	}
	if len(words) != 9 || words[""] {
		t.Errorf("words %v", words)
	}
}

// FuzzRead holds what callers rely on, for any text.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "123456", "١٢٣٤٥٦", "kayp-lz3p-ke5v-5j1h", "KAYP 1Z3P KE5V 5J1U", "1234567890123456", "ｋａｙｐ\xff", "⑥", "\u212a",
		strings.Repeat("-", 300), strings.Repeat("é", 100) + "1",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := Read(text)
		if (r.Problem == None) != (r.Canonical != "") {
			t.Fatalf("%+v: a text without a problem has a canonical form, and no other", r)
		}
		switch r.Kind {
		case Authentication:
			if len(r.Canonical) != 6 || strings.Trim(r.Canonical, "0123456789") != "" || r.Typed != 6 {
				t.Fatalf("%+v", r)
			}
		case Recovery:
			if r.Typed != Symbols || r.Problem != None && r.Problem != Typo {
				t.Fatalf("%+v", r)
			}
			if r.Problem == None && (len(r.Canonical) != Symbols || strings.Trim(r.Canonical, alphabet) != "") {
				t.Fatalf("%+v", r)
			}
		case Empty:
			if r.Problem != Blank || r.Typed != 0 {
				t.Fatalf("%+v", r)
			}
		case WrongLength:
			if r.Problem != WrongLengthDigits && r.Problem != WrongLengthRecovery {
				t.Fatalf("%+v", r)
			}
		default:
			t.Fatalf("%+v", r)
		}
		if r.Problem == None {
			if again := Read(r.Canonical); again != r {
				t.Fatalf("%+v read again is %+v", r, again)
			}
			if shown := Read(" " + Display(r.Canonical) + " "); shown != r {
				t.Fatalf("%+v shown and read is %+v", r, shown)
			}
		}
		if r.Typed > utf8.RuneCountInString(text) {
			t.Fatalf("%d symbols in a text of %d", r.Typed, utf8.RuneCountInString(text))
		}
	})
}

package code

import "testing"

// TestEverySingleWrongSymbolIsATypo is the first half of R16's promise: every
// place, every other symbol, for a thousand codes.
//
// T-RC-7, R16
func TestEverySingleWrongSymbolIsATypo(t *testing.T) {
	for range 1000 {
		right := New()
		for place := range Symbols {
			for _, symbol := range []byte(alphabet) {
				wrong := []byte(right)
				wrong[place] = symbol
				if r := Read(string(wrong)); (r.Problem == Typo) != (string(wrong) != right) {
					t.Fatalf("%s with %c in place %d: %v", right, symbol, place+1, r.Problem)
				}
			}
		}
	}
}

// TestEverySwapIsATypo is the second half, and more: any two places, not only
// neighbours.
//
// T-RC-7, R16
func TestEverySwapIsATypo(t *testing.T) {
	for range 1000 {
		right := New()
		for i := range Symbols {
			for j := range i {
				wrong := []byte(right)
				wrong[i], wrong[j] = wrong[j], wrong[i]
				if r := Read(string(wrong)); (r.Problem == Typo) != (wrong[i] != wrong[j]) {
					t.Fatalf("%s with places %d and %d swapped: %v", right, j+1, i+1, r.Problem)
				}
			}
		}
	}
}

// TestTheWeights are what the promise rests on: 16 different non-zero elements
// of a field in which nothing but zero times something is zero.
func TestTheWeights(t *testing.T) {
	seen := map[byte]bool{0: true}
	for i, w := range weights {
		if w >= 32 || seen[w] {
			t.Errorf("weight %d is %d: zero, twice or outside of the field", i+1, w)
		}
		seen[w] = true
	}
	for a := byte(1); a < 32; a++ {
		products := map[byte]bool{0: true}
		for b := byte(1); b < 32; b++ {
			p := multiply(a, b)
			if p >= 32 || products[p] || p != multiply(b, a) {
				t.Fatalf("%d·%d = %d", a, b, p)
			}
			products[p] = true
		}
	}
	if multiply(1, alpha) != alpha {
		t.Error("1 is not one")
	}
}

// TestTheManualsExample: a reader who types the example in gets no complaint
// about a typing error.
func TestTheManualsExample(t *testing.T) {
	r := Read("kayp-lz3p-ke5v-5j1h")
	if want := (Reading{Kind: Recovery, Canonical: "kayp1z3pke5v5j1h", Typed: 16}); r != want {
		t.Errorf("got %+v", r)
	}
}

package code

// The check symbol makes the sum of αⁱ·sᵢ over the 16 symbols, i = 1…16, zero in
// the field of 32 elements. α is primitive, so the weights are non-zero (any one
// wrong symbol changes the sum) and all different (so does any swap of two
// different symbols, neighbours or not). What two slips do together is caught 31
// times in 32.
//
// The field is GF(2)[x] modulo x⁵+x³+x²+x+1 and α = x⁷. Any primitive polynomial
// and any α would do; with these the example that the manual prints,
// kayp-lz3p-ke5v-5j1h, is a code that reads without a complaint.
const (
	fieldPolynomial = 0b101111
	alpha           = 0b10011 // x⁷ reduced: x⁴+x+1
)

// weights are α¹ … α¹⁶.
var weights = func() (w [Symbols]byte) {
	p := byte(1)
	for i := range w {
		p = multiply(p, alpha)
		w[i] = p
	}
	return w
}()

// multiply returns a·b in the field of 32 elements.
func multiply(a, b byte) byte {
	var product byte
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			product ^= a
		}
		a <<= 1
		if a&(1<<bitsPerSymbol) != 0 {
			a ^= fieldPolynomial
		}
	}
	return product
}

// checkSum returns the sum of αⁱ·sᵢ; it is 0 for a whole, unspoilt code or pass.
// Symbols are values 0…31 here, not letters.
func checkSum(symbols []byte) byte {
	var sum byte
	for i, s := range symbols {
		sum ^= multiply(weights[i], s)
	}
	return sum
}

// checkSymbol returns the symbol that completes the given ones. After 15 it is the
// one s with α¹⁶·s equal to their sum; 32 candidates need no division. What is
// shorter takes the first of the same weights, and catches the same slips.
func checkSymbol(symbols []byte) byte {
	sum := checkSum(symbols)
	for s := byte(0); s < 1<<bitsPerSymbol; s++ {
		if multiply(weights[len(symbols)], s) == sum {
			return s
		}
	}
	panic("code: a weight without an inverse") // impossible in a field
}

package password

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// commonGZ is the list of common passwords and words; common.md says where it
// comes from and under which licences, make_common.go how it is made.
//
//go:embed common.txt.gz
var commonGZ []byte

// phrases are long passwords and sayings that everybody knows, and the words for
// "password" and the like, by hand.
//
//go:embed phrases.txt
var phrases string

const (
	phraseBits = 5  // what an entry of phrases.txt costs to guess, log2 of the tries
	maxWord    = 64 // bytes; no entry is longer
)

// words returns the listed words with what each costs to guess: about log2 of
// its place in the list, the commonest first. It is unpacked at the first use
// (some 20 ms, 5 MB).
var words = sync.OnceValue(func() map[string]float64 {
	unpacked, err := gzip.NewReader(bytes.NewReader(commonGZ))
	if err != nil {
		panic("password: the embedded list is damaged: " + err.Error())
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		panic("password: the embedded list is damaged: " + err.Error())
	}
	list := make(map[string]float64, 70_000)
	bits := 0.0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if tier, isTier := strings.CutPrefix(line, "= "); isTier {
			if bits, err = strconv.ParseFloat(tier, 64); err != nil {
				panic("password: the embedded list is damaged: " + err.Error())
			}
			continue
		}
		list[line] = bits
	}
	for line := range strings.Lines(phrases) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		list[compact(fold(line))] = phraseBits
	}
	return list
})

// fold makes spellings that a guesser tries together one: lower case, and no
// accents. Only judgement sees a folded password, never the hash.
func fold(p string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(p))
}

// compact keeps letters and digits only: "Correct Horse!" is "correcthorse".
func compact(folded string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, folded)
}

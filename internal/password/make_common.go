//go:build ignore

// Command make_common writes common.txt.gz. Give it a folder into which the npm
// packages @zxcvbn-ts/language-common, -es-es and -pt-br have been installed:
//
//	go run make_common.go LISTS/node_modules/@zxcvbn-ts
package main

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"log"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// entry is a word and how late an attacker comes to it.
type entry struct {
	word string
	rank int
}

func main() {
	dir := os.Args[1]
	var all []entry
	for i, word := range load(dir, "language-common/src/passwords.json") {
		all = append(all, entry{fold(word), i})
	}
	// Words of a language and names come into play after the first thousand
	// passwords, and four times more slowly.
	for _, language := range []string{"language-es-es", "language-pt-br"} {
		for _, list := range []string{"commonWords", "firstnames", "lastnames"} {
			for i, word := range load(dir, language+"/src/"+list+".json") {
				word = fold(word)
				if i < 6000 && !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }) {
					all = append(all, entry{word, 1000 + 4*i})
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.rank, b.rank) })

	var tiers [32][]string
	seen := map[string]bool{}
	for _, e := range all {
		if len(e.word) < 3 || len(e.word) > 40 || strings.ContainsAny(e.word, "= \n") || seen[e.word] {
			continue
		}
		seen[e.word] = true
		tier := bits.Len(uint(len(seen))) // 1, 2-3, 4-7, …
		tiers[tier] = append(tiers[tier], e.word)
	}

	// Each tier is sorted: the order inside it says nothing, and it packs better.
	var text bytes.Buffer
	for tier, list := range tiers {
		if len(list) == 0 {
			continue
		}
		slices.Sort(list)
		fmt.Fprintf(&text, "= %d\n%s\n", tier, strings.Join(list, "\n"))
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	check(err)
	_, err = w.Write(text.Bytes())
	check(err)
	check(w.Close())
	check(os.WriteFile("common.txt.gz", packed.Bytes(), 0o644))
	fmt.Println(len(seen), "entries,", packed.Len(), "bytes")
}

func load(dir, name string) (words []string) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	check(err)
	check(json.Unmarshal(text, &words))
	return words
}

// fold is the package's fold: lower case, no accents.
func fold(p string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(p))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

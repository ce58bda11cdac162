package core

import "strings"

// Ways in which people type a code.
func upper(c string) string     { return strings.ToUpper(c) }
func spaced(c string) string    { return "  " + strings.ReplaceAll(c, "-", " ") + "\u00a0" }
func bare(c string) string      { return strings.ReplaceAll(c, "-", "") }
func lookAlike(c string) string { return strings.NewReplacer("0", "o", "1", "l").Replace(c) }

// Command doorstep is 2-step sign-in for teams; `doorstep --help` says the rest.
package main

import (
	"os"

	"doorstep/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

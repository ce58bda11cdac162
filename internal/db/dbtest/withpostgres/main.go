// Command withpostgres runs a command with a PostgreSQL server of its own, whose address is in
// DOORSTEP_TEST_POSTGRES, so that the tests of all packages share one:
//
//	go run ./internal/db/dbtest/withpostgres go test ./...
//
// Where one is named already, or none is installed, it only runs the command.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"doorstep/internal/db/dbtest"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withpostgres COMMAND [ARGUMENT…]")
		return 2
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if os.Getenv(dbtest.SharedVariable) == "" {
		c, err := dbtest.Start(dbtest.Settings{FsyncOn: os.Getenv(dbtest.FsyncVariable) == "on"})
		switch {
		case err == nil:
			defer func() {
				if err := c.Stop(); err != nil {
					fmt.Fprintln(os.Stderr, "withpostgres: stop PostgreSQL:", err)
				}
			}()
			cmd.Env = append(os.Environ(), dbtest.SharedVariable+"="+c.URL())
		case !errors.Is(err, dbtest.ErrMissing):
			fmt.Fprintln(os.Stderr, "withpostgres:", err)
			return 1
		}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "withpostgres:", err)
		return 1
	}
	return 0
}

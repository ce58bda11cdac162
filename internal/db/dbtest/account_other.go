//go:build !unix

package dbtest

import "os/exec"

// The watchdog is a shell script, so elsewhere the tests use a server named by DOORSTEP_TEST_POSTGRES or none.
func asServer(*exec.Cmd) error { return ErrMissing }

func giveToServer(string) error { return ErrMissing }

// Kill is for systems that have SIGKILL.
func (c *Cluster) Kill() error { return ErrMissing }

//go:build unix

package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kill ends every process of the server with SIGKILL, as a machine that runs out of
// memory does, and keeps its data for Resume. Nothing of it gets to say goodbye.
func (c *Cluster) Kill() error {
	text, err := os.ReadFile(filepath.Join(c.dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	server, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("read which process the server is: %w", err)
	}
	// Stopped, it starts no process that would be missed.
	if err := syscall.Kill(server, syscall.SIGSTOP); err != nil {
		return err
	}
	all, err := childrenOf(server)
	if err != nil {
		return errors.Join(err, syscall.Kill(server, syscall.SIGKILL))
	}
	for _, pid := range append(all, server) {
		err = errors.Join(err, killed(pid))
	}
	for begun := time.Now(); len(all) > 0 && time.Since(begun) < startPatience; time.Sleep(time.Millisecond) {
		if syscall.Kill(all[0], 0) != nil {
			all = all[1:]
		}
	}
	return errors.Join(err, c.end("keep\n"))
}

func killed(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil // it ended by itself just now
}

func childrenOf(server int) (list []int, err error) {
	out, err := exec.Command("ps", "-A", "-o", "ppid=,pid=").Output()
	if err != nil {
		return nil, fmt.Errorf("list the server's processes: %w", err)
	}
	for line := range bytes.Lines(out) {
		var parent, pid int
		if n, _ := fmt.Sscan(string(line), &parent, &pid); n == 2 && parent == server {
			list = append(list, pid)
		}
	}
	return list, nil
}

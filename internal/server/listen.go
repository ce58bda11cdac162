package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
)

// listen takes the port, before anything slow: a port that is taken is said at
// once, and from here on connections wait instead of being refused.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("another program already listens on %s: stop it, or choose another port with --listen", address)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("this account may not listen on %s: choose a port above 1023 with --listen", address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, fmt.Errorf("%s is no address of this computer: choose another with --listen", address)
	}
	return nil, fmt.Errorf("cannot listen on %s (%w): choose another address with --listen", address, err)
}

package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"doorstep/internal/mail"
)

const (
	headerPatience = 5 * time.Second  // a client that dribbles its header holds a connection for no longer
	readPatience   = 30 * time.Second // … its whole request
	writePatience  = time.Minute      // … or takes its answer drop by drop; a page's stream lifts this and the one above
	idlePatience   = 2 * time.Minute
	headerLimit    = 32 << 10 // bytes

	stopPatience = 10 * time.Second
)

// run serves on l until ctx ends, with chores and letters beside it.
func run(ctx context.Context, l net.Listener, e *edges, o edgeOptions, post *mail.Postman) error {
	h, err := e.handler(o)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: headerPatience, ReadTimeout: readPatience, WriteTimeout: writePatience,
		IdleTimeout: idlePatience, MaxHeaderBytes: headerLimit, ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(e.web.StopWatching)
	stopping, stop := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() { chores(stopping, e.core, o.log) })
	beside.Go(func() { post.Run(stopping) })
	defer beside.Wait()
	defer stop() // runs before the wait

	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	stop()
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopPatience)
	defer cancel()
	err = srv.Shutdown(patience)
	e.forward.Stop(patience)
	if err != nil {
		o.log.Warn("some requests did not finish in time and were cut off")
		return errors.Join(srv.Close(), ignoreClosed(<-failed))
	}
	return ignoreClosed(<-failed)
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

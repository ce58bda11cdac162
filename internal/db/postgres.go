package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	poolSize       = 10              // without pool_max_conns; several replicas share a server that allows 100
	poolIdle       = 5 * time.Minute // a connection that nobody needed for so long is closed
	connectTimeout = 5 * time.Second // without connect_timeout
)

func openPostgres(ctx context.Context, o Options) (*DB, error) {
	config, strict, err := postgresConfig(o.Postgres)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("cannot use the PostgreSQL address: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, postgresSentence(config, strict, err)
	}
	handle := stdlib.OpenDBFromPool(pool)
	return &DB{
		engine: postgresEngine, writer: handle, reader: handle, forget: pool.Reset,
		probe:  func(ctx context.Context) error { return probePostgres(ctx, handle) },
		finish: func() error { return closePool(pool) },
	}, nil
}

// postgresConfig reads the address. strict is true when it is we who ask for TLS with a verified certificate.
//
// The pool is made from a pgxpool.Config because pool_max_conns in the address makes database/sql's own way fail.
func postgresConfig(address string) (config *pgxpool.Config, strict bool, err error) {
	config, err = pgxpool.ParseConfig(address)
	if err == nil && !strings.Contains(address, "sslmode") && os.Getenv("PGSSLMODE") == "" && elsewhere(config) {
		strict = true // otherwise pgx would fall back to plain text without a word
		config, err = pgxpool.ParseConfig(withParameter(address, "sslmode", "verify-full"))
	}
	if err != nil {
		// Not wrapped: pgx's sentence quotes the address, and hides a password in it only where it recognizes one.
		return nil, false, errors.New("the PostgreSQL address cannot be read; " +
			"it looks like postgres://user:password@host:5432/database?pool_max_conns=10")
	}
	if !strings.Contains(address, "pool_max_conns") {
		config.MaxConns = poolSize
	}
	config.MaxConnIdleTime = poolIdle
	if config.ConnConfig.ConnectTimeout == 0 {
		config.ConnConfig.ConnectTimeout = connectTimeout
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "doorstep"
	}
	return config, strict, nil
}

func withParameter(address, name, value string) string {
	switch {
	case !strings.Contains(address, "://"):
		return address + " " + name + "=" + value
	case strings.Contains(address, "?"):
		return address + "&" + name + "=" + value
	}
	return address + "?" + name + "=" + value
}

// elsewhere says whether an address leads off this machine: neither a unix socket nor loopback.
func elsewhere(config *pgxpool.Config) bool {
	for _, host := range hosts(config) {
		if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || host == "localhost" {
			continue
		}
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			return true
		}
	}
	return false
}

func hosts(config *pgxpool.Config) []string {
	names := []string{config.ConnConfig.Host}
	for _, fallback := range config.ConnConfig.Fallbacks {
		if fallback.Host != names[len(names)-1] { // the same host with and without TLS
			names = append(names, fallback.Host)
		}
	}
	return names
}

func probePostgres(ctx context.Context, handle *sql.DB) error {
	var one int64
	return handle.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// closePool waits for the connections that are in use, but not for ever.
func closePool(pool *pgxpool.Pool) error {
	done := make(chan struct{})
	go func() {
		pool.Close()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-time.After(closePatience):
		return errors.New("a connection is still in use")
	}
}

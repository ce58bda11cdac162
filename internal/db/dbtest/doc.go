// Package dbtest gives tests real databases: fresh SQLite files, and fresh databases on a private PostgreSQL server.
// Only tests (and the program in withpostgres) import it. It knows how to run a server and no table.
//
// The server listens on a unix socket in a temporary folder and nowhere else, so test runs cannot meet. Each test
// process starts its own at the first use, unless DOORSTEP_TEST_POSTGRES holds the address of one, which many
// packages' tests then share:
//
//	go run ./internal/db/dbtest/withpostgres go test ./...
package dbtest

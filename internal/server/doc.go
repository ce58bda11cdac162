// Package server puts the edges on a port: one table of routes, the manners
// around it, the chores and the letters beside it, and a clean end.
//
// It decides nothing about people. What it owns is the life of the process: take
// the port, open the store, say where everything is, serve, and on a signal let
// what is under way finish.
package server

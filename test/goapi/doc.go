// Package goapi holds the tests of the Go API that need modules of others: the
// standard's suite for connections and quic-go, which run on linen unchanged.
// It is a module of its own so that linen needs neither.
package goapi

// Package netapi holds tests that run once on package net over this machine's
// loopback and once on linen, and ask for the same: the texts and kinds of
// errors, what a PacketConn does, what a connection does when it ends.
package netapi

package tcp

import (
	"reflect"
	"testing"
)

// TestSockSize holds a socket in the allocator's class of 1792 bytes, of which
// eight are its own: with its places in the tables an idle end of a connection
// stays below 2 KB. What few sockets use belongs behind a pointer.
func TestSockSize(t *testing.T) {
	if size := reflect.TypeFor[Sock]().Size(); size > 1792-8 {
		t.Errorf("%d bytes", size)
	}
}

package sock_test

import (
	"context"
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"linen/kern"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// counted counts the calls of Recvmsg.
type counted struct {
	*echo
	calls int
}

func (c *counted) Recvmsg(who *sock.Caller, m *sock.Msg) (int, error) {
	if c.calls++; c.calls > 100 {
		return 0, errno.ELOOP
	}
	return c.echo.Recvmsg(who, m)
}

// TestPeekBehindTheDataWaits: a MSG_PEEK behind what is there sleeps until more
// comes or SO_RCVTIMEO passes, as 6.18's does.
func TestPeekBehindTheDataWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &counted{echo: newEcho(t, kern.Config{Seed: 1})}
		set := func(name int, val []byte) {
			t.Helper()
			if err := e.Setsockopt(root, uapi.SOL_SOCKET, name, val); err != nil {
				t.Fatal(err)
			}
		}
		send := func(text string) { e.Sendmsg(root, &sock.Msg{Data: []byte(text)}) }
		send("hello")
		set(uapi.SO_PEEK_OFF, binary.NativeEndian.AppendUint32(nil, 10))
		set(uapi.SO_RCVTIMEO, append([]byte{3}, make([]byte, 15)...))
		m := &sock.Msg{Data: make([]byte, 8), Flags: uapi.MSG_PEEK}
		start := time.Now()
		if _, err := sock.Recv(t.Context(), e, root, m); err != errno.EAGAIN || time.Since(start) != 3*time.Second {
			t.Errorf("SO_RCVTIMEO: %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := sock.Recv(ctx, e, root, m); err != context.DeadlineExceeded {
			t.Errorf("context: %v", err)
		}
		cancel()
		go func() {
			time.Sleep(time.Second)
			send("1")
			time.Sleep(time.Second)
			send("world12")
		}()
		start = time.Now()
		if n, err := sock.Recv(t.Context(), e, root, m); err != nil || string(m.Data[:n]) != "d12" || time.Since(start) != 2*time.Second {
			t.Errorf("%q %v after %v", m.Data[:n], err, time.Since(start))
		}
		if e.calls > 12 {
			t.Errorf("%d calls", e.calls)
		}
	})
}

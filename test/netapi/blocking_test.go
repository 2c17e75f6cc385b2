package netapi

import (
	"context"
	"encoding/binary"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"linen"
	"linen/net/sock"
	"linen/uapi"
	"linen/uapi/errno"
)

// streams are both ends of a connection over hosts' cable, and where they are.
func streams(t *testing.T) (client, server sock.Socket, a *linen.Net) {
	t.Helper()
	a, b := hosts(t)
	check(t, a.Impair("eth0", linen.Impairment{}))
	l, err := b.Listen(t.Context(), "tcp", "10.0.0.2:80")
	check(t, err)
	c, err := a.Dial(t.Context(), "tcp", "10.0.0.2:80")
	check(t, err)
	s, err := l.Accept()
	check(t, err)
	t.Cleanup(func() { l.Close(); c.Close(); s.Close() })
	return c.(*linen.TCPConn).Socket(), s.(*linen.TCPConn).Socket(), a
}

func setTime(t *testing.T, s sock.Socket, option int, d time.Duration) {
	t.Helper()
	val := binary.NativeEndian.AppendUint64(nil, uint64(d/time.Second))
	val = binary.NativeEndian.AppendUint64(val, uint64(d%time.Second/time.Microsecond))
	check(t, s.Setsockopt(sock.Root(), uapi.SOL_SOCKET, option, val))
}

// say sends text after a while.
func say(t *testing.T, s sock.Socket, after time.Duration, text string) {
	go func() {
		time.Sleep(after)
		if _, err := sock.Send(context.Background(), s, sock.Root(), &sock.Msg{Data: []byte(text)}); err != nil {
			t.Error(err)
		}
	}()
}

// blockingRules are recv(2)s of at most five bytes, with what is sent to them.
var blockingRules = []struct {
	name   string
	flags  int
	lowat  int
	timeo  time.Duration
	said   []string // a second apart, the first after a second
	end    bool     // and then the end
	want   string
	err    error
	waited time.Duration
}{
	{name: "the first bytes wake", said: []string{"ab"}, want: "ab", waited: time.Second},
	{name: "MSG_WAITALL waits for all", flags: uapi.MSG_WAITALL, said: []string{"ab", "cdef"}, want: "abcde", waited: 2 * time.Second},
	{name: "MSG_WAITALL ends with the stream", flags: uapi.MSG_WAITALL, said: []string{"ab"}, end: true, want: "ab", waited: 2 * time.Second},
	{name: "MSG_WAITALL ends with SO_RCVTIMEO", flags: uapi.MSG_WAITALL, timeo: 3 * time.Second, said: []string{"ab"}, want: "ab", waited: 3 * time.Second},
	{name: "SO_RCVTIMEO", timeo: 2500 * time.Millisecond, err: errno.EAGAIN, waited: 2500 * time.Millisecond},
	{name: "SO_RCVLOWAT", lowat: 4, said: []string{"ab", "c", "d"}, want: "abcd", waited: 3 * time.Second},
	{name: "MSG_DONTWAIT", flags: uapi.MSG_DONTWAIT, said: []string{"ab"}, err: errno.EAGAIN},
}

// TestBlockingRules: recv(2) of a blocking stream.
func TestBlockingRules(t *testing.T) {
	for _, c := range blockingRules {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server, _ := streams(t)
				if c.lowat > 0 {
					check(t, server.Setsockopt(sock.Root(), uapi.SOL_SOCKET, uapi.SO_RCVLOWAT, binary.NativeEndian.AppendUint32(nil, uint32(c.lowat))))
				}
				setTime(t, server, uapi.SO_RCVTIMEO, c.timeo)
				for i, text := range c.said {
					say(t, client, time.Duration(i+1)*time.Second, text)
				}
				if c.end {
					go func() {
						time.Sleep(time.Duration(len(c.said)+1) * time.Second)
						client.Shutdown(sock.Root(), uapi.SHUT_WR)
					}()
				}
				began, m := time.Now(), &sock.Msg{Data: make([]byte, 5), Flags: c.flags}
				n, err := sock.Recv(t.Context(), server, sock.Root(), m)
				if got := string(m.Data[:n]); got != c.want || err != c.err {
					t.Errorf("%q, %v; want %q, %v", got, err, c.want, c.err)
				}
				if d := time.Since(began); d < c.waited || d > c.waited+100*time.Millisecond {
					t.Errorf("after %v, want %v", d, c.waited)
				}
				time.Sleep(5 * time.Second) // what is still to be said
			})
		})
	}
}

// TestSendTimeout: SO_SNDTIMEO ends a send without room with what was taken or
// EAGAIN, and a connect with EINPROGRESS.
func TestSendTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, _, a := streams(t)
		setTime(t, client, uapi.SO_SNDTIMEO, 2*time.Second)
		m := &sock.Msg{Data: make([]byte, 64<<20)}
		if n, err := sock.Send(t.Context(), client, sock.Root(), m); n <= 0 || n == len(m.Data) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := sock.Send(t.Context(), client, sock.Root(), m); err != errno.EAGAIN {
			t.Errorf("full: %d, %v", n, err)
		}
		s, err := sock.Create(sock.Root(), a.Namespace(), uapi.AF_INET, uapi.SOCK_STREAM, 0)
		check(t, err)
		defer s.Close()
		setTime(t, s, uapi.SO_SNDTIMEO, time.Second)
		check(t, a.Impair("eth0", linen.Impairment{Delay: time.Minute}))
		if err := sock.Connect(t.Context(), s, sock.Root(), uapi.AppendSockaddr(nil, netip.MustParseAddrPort("10.0.0.2:81"), 0)); err != errno.EINPROGRESS {
			t.Errorf("connect: %v", err)
		}
	})
}

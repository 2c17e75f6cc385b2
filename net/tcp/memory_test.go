package tcp_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// count reads a counter of TcpExt.
func count(t testing.TB, h *hosts.Host, name string) int {
	t.Helper()
	n, err := strconv.Atoi(counter(t, h, "TcpExt", name))
	must(t, err)
	return n
}

// fill writes pieces until no more is taken, and returns what was.
func fill(t testing.TB, a *hosts.Host, s sock.Socket, size, most int, each time.Duration) string {
	t.Helper()
	var sent strings.Builder
	for i := 0; sent.Len() < most; i++ {
		p := []byte(strings.Repeat(string(rune('a'+i%26)), size))
		n, err := s.Sendmsg(root, &sock.Msg{Data: p})
		sent.Write(p[:max(n, 0)])
		if err == errno.EAGAIN {
			break
		}
		must(t, err)
		a.Lab.Advance(each)
	}
	a.Lab.Advance(time.Second)
	return sent.String()
}

// drain reads everything and compares.
func drain(t testing.TB, a *hosts.Host, s sock.Socket, want string) {
	t.Helper()
	var got strings.Builder
	for idle := 0; got.Len() < len(want) && idle < 3000; {
		p, err := recv(s, 0)
		if err == errno.EAGAIN {
			a.Lab.Advance(10 * time.Millisecond)
			idle++
			continue
		}
		must(t, err)
		got.WriteString(p)
	}
	if got.String() != want {
		t.Fatalf("%d of %d bytes, or damaged", got.Len(), len(want))
	}
}

// TestTinyWrites: a buffer takes many small segments. 6.18 held 107279 bytes of
// one byte each in its 131072 bytes of memory.
func TestTinyWrites(t *testing.T) {
	a, b, _, cli, srv := conn(t)
	setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1)
	sent := fill(t, a, cli, 1, 120000, 10*time.Microsecond)
	v := make([]byte, 4)
	must(t, srv.Ioctl(root, uapi.SIOCINQ, v))
	if n := int(v[0]) | int(v[1])<<8 | int(v[2])<<16; n < 80000 {
		t.Errorf("%d bytes are queued", n)
	}
	if count(t, b, "TCPRcvCoalesce") == 0 {
		t.Error("TCPRcvCoalesce is 0")
	}
	drain(t, a, srv, sent)
}

// TestBloatedSegmentsCollapse: segments of 300 bytes take four times their
// memory; when the buffer is full they are put together.
func TestBloatedSegmentsCollapse(t *testing.T) { // spec 11.76
	a, b, _, cli, srv := conn(t)
	setInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_NODELAY, 1)
	sent := fill(t, a, cli, 300, 300000, 50*time.Millisecond)
	for _, name := range []string{"PruneCalled", "TCPRcvCollapsed"} {
		if count(t, b, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
	drain(t, a, srv, sent)
}

func TestMemoryPressure(t *testing.T) { // tcp(7), tcp_mem; spec 11.92
	a, _, _, cli, srv := conn(t)
	sysctlSet(t, a, "net/ipv4/tcp_mem", "8 16 32") // pages
	setInt(t, cli, uapi.SOL_SOCKET, uapi.SO_SNDBUF, 1<<20)
	sent := ""
	for range 100 { // nobody reads: the window shuts, and then memory is what bounds the queue
		n, err := cli.Sendmsg(root, &sock.Msg{Data: []byte(strings.Repeat("m", 65536))})
		sent += strings.Repeat("m", max(n, 0))
		if err == errno.EAGAIN {
			break
		}
		must(t, err)
		a.Lab.Advance(time.Millisecond)
	}
	if count(t, a, "TCPMemoryPressures") == 0 {
		t.Errorf("TCPMemoryPressures %d", count(t, a, "TCPMemoryPressures"))
	}
	if cli.Base().SndBuf() < 1<<20 || len(sent) > 600000 {
		t.Errorf("%d bytes were taken with 32 pages", len(sent))
	}
	a.Lab.Advance(time.Second)
	drain(t, a, srv, sent)
	a.Lab.Advance(time.Second)
	if count(t, a, "TCPMemoryPressuresChrono") == 0 {
		t.Error("the pressure did not end")
	}
	if cli.Poll()&uapi.POLLOUT == 0 {
		t.Error("not writeable")
	}
}

func TestOrphanWithoutMemory(t *testing.T) { // tcp_check_oom
	a, _, link, cli, _ := conn(t)
	sysctlSet(t, a, "net/ipv4/tcp_mem", "1 2 4")
	link.Drop(true)
	send(t, cli, strings.Repeat("z", 16000), 0)
	must(t, cli.Close())
	if n := count(t, a, "TCPAbortOnMemory"); n != 1 {
		t.Errorf("TCPAbortOnMemory %d", n)
	}
}

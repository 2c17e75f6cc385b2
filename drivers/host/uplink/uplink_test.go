//go:build linux

package uplink_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"linen"
	"linen/drivers/host/uplink"
)

// ctx ends long after a test that works, and before one that hangs is killed.
func limit(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// lab is a guest, 10.0.2.15, behind a gateway, 10.0.2.2.
func lab(t *testing.T, cfg uplink.Config) (*linen.Net, *uplink.Uplink) {
	t.Helper()
	k := linen.New(linen.Config{})
	t.Cleanup(func() { k.Close() })
	guest, err := k.NewNet("guest")
	must(t, err)
	gate, err := k.NewNet("gate")
	must(t, err)
	must(t, k.Link(guest, "eth0", gate, "eth0"))
	must(t, guest.Up("lo"))
	must(t, guest.AddAddr("eth0", netip.MustParsePrefix("10.0.2.15/24")))
	must(t, gate.AddAddr("eth0", netip.MustParsePrefix("10.0.2.2/24")))
	must(t, guest.AddRoute(linen.Route{Via: netip.MustParseAddr("10.0.2.2")}))
	u, err := uplink.New(gate.Namespace(), cfg)
	must(t, err)
	t.Cleanup(func() { must(t, u.Close()) })
	return guest, u
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host listens on the machine's loopback.
func host(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// gateway is addr's port as a guest has it.
func gateway(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return net.JoinHostPort("10.0.2.2", port)
}

// TestStream carries a stream to the machine's loopback, and each half's end
// by itself.
func TestStream(t *testing.T) {
	guest, u := lab(t, uplink.Config{Loopback: true})
	l := host(t)
	go func() {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		defer c.Close()
		got, _ := io.ReadAll(c) // to the guest's half-close
		c.Write(append([]byte("you said "), got...))
	}()
	c, err := guest.Dial(limit(t), "tcp", gateway(l.Addr()))
	must(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "hello")
	must(t, err)
	must(t, c.(*linen.TCPConn).CloseWrite())
	got, err := io.ReadAll(c)
	if string(got) != "you said hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if s := u.Stats(); s.TCP != 1 {
		t.Errorf("%+v", s)
	}
}

// TestRefused: a port where nobody listens on the machine is refused to the
// guest, and so is the machine's loopback unless asked for.
func TestRefused(t *testing.T) {
	l := host(t)
	at := gateway(l.Addr())
	for name, cfg := range map[string]uplink.Config{"no loopback": {}, "nobody there": {Loopback: true}} {
		if cfg.Loopback {
			l.Close()
		}
		guest, _ := lab(t, cfg)
		if _, err := guest.Dial(limit(t), "tcp", at); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReset: a reset is a reset on the other side, both ways.
func TestReset(t *testing.T) {
	guest, _ := lab(t, uplink.Config{Loopback: true})
	l := host(t)
	c, err := guest.Dial(limit(t), "tcp", gateway(l.Addr()))
	must(t, err)
	h, err := l.AcceptTCP()
	must(t, err)
	must(t, h.SetLinger(0))
	must(t, h.Close())
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the machine's: %v", err)
	}
	c.Close()
	if c, err = guest.Dial(limit(t), "tcp", gateway(l.Addr())); err != nil {
		t.Fatal(err)
	}
	h, err = l.AcceptTCP()
	must(t, err)
	defer h.Close()
	must(t, c.(*linen.TCPConn).SetLinger(0))
	must(t, c.Close())
	if _, err := h.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the guest's: %v", err)
	}
}

// TestBulk carries more than every buffer between holds, both ways at once.
func TestBulk(t *testing.T) {
	guest, _ := lab(t, uplink.Config{Loopback: true})
	l := host(t)
	const size = 32 << 20
	go func() {
		c, err := l.AcceptTCP()
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(c, c)
		c.CloseWrite()
	}()
	c, err := guest.Dial(limit(t), "tcp", gateway(l.Addr()))
	must(t, err)
	defer c.Close()
	go func() {
		p := make([]byte, 1<<16)
		for i := range size >> 16 {
			for j := range p {
				p[j] = byte(i + j*7)
			}
			c.Write(p)
		}
		c.(*linen.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || len(got) != size {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	for i, b := range got {
		if want := byte(i>>16 + (i&0xffff)*7); b != want {
			t.Fatalf("byte %d is %d, not %d", i, b, want)
		}
	}
}

// echoServer answers datagrams on the machine's loopback with what they said.
func echoServer(t *testing.T) *net.UDPConn {
	t.Helper()
	s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	t.Cleanup(func() { s.Close() })
	go func() {
		p := make([]byte, 1<<16)
		for {
			n, from, err := s.ReadFromUDPAddrPort(p)
			if err != nil {
				return
			}
			s.WriteToUDPAddrPort(p[:n], from)
		}
	}()
	return s
}

// TestDatagrams carries datagrams of every size to the machine's loopback and
// to its resolver, and the refusal of a port where nobody is.
func TestDatagrams(t *testing.T) {
	resolver := echoServer(t)
	guest, u := lab(t, uplink.Config{Loopback: true, Resolver: resolver.LocalAddr().(*net.UDPAddr).AddrPort()})
	server := echoServer(t)
	for name, at := range map[string]string{"loopback": gateway(server.LocalAddr()), "resolver": "10.0.2.2:53"} {
		c, err := guest.Dial(limit(t), "udp", at)
		must(t, err)
		defer c.Close()
		for _, size := range []int{1, 0, 1472, 1473, 9000, 65507} {
			_, err := c.Write(make([]byte, size))
			must(t, err)
			p := make([]byte, 1<<16)
			if n, err := c.Read(p); n != size || err != nil {
				t.Errorf("%s: %d bytes of %d, %v", name, n, size, err)
			}
		}
	}
	server.Close()
	c, err := guest.Dial(limit(t), "udp", gateway(server.LocalAddr()))
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte("x"))
	must(t, err)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("nobody there: %v", err)
	}
	if s := u.Stats(); s.UDP != 3 {
		t.Errorf("%+v", s)
	}
}

// TestForward reaches servers in the guest from the machine, by both protocols.
func TestForward(t *testing.T) {
	guest, u := lab(t, uplink.Config{Loopback: true})
	l, err := guest.Listen(limit(t), "tcp", ":80")
	must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "from the guest")
			c.Close()
		}
	}()
	any := netip.MustParseAddrPort("127.0.0.1:0")
	at, err := u.Forward(uplink.Forward{Proto: "tcp", Host: any, To: netip.MustParseAddrPort("10.0.2.15:80")})
	must(t, err)
	c, err := net.Dial("tcp", at.String())
	must(t, err)
	got, err := io.ReadAll(c)
	c.Close()
	if string(got) != "from the guest" || err != nil {
		t.Errorf("%q, %v", got, err)
	}

	s, err := guest.ListenPacket(limit(t), "udp", ":53")
	must(t, err)
	defer s.Close()
	go func() {
		p := make([]byte, 100)
		for {
			n, from, err := s.ReadFrom(p)
			if err != nil {
				return
			}
			s.WriteTo(append([]byte("re: "), p[:n]...), from)
		}
	}()
	at, err = u.Forward(uplink.Forward{Proto: "udp", Host: any, To: netip.MustParseAddrPort("10.0.2.15:53")})
	must(t, err)
	for range 2 { // two clients are two flows
		c, err := net.Dial("udp", at.String())
		must(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "question")
		must(t, err)
		p := make([]byte, 100)
		if n, err := c.Read(p); string(p[:n]) != "re: question" || err != nil {
			t.Errorf("%q, %v", p[:n], err)
		}
	}
	at, err = u.Forward(uplink.Forward{Proto: "tcp", Host: any, To: netip.MustParseAddrPort("10.0.2.15:81")})
	must(t, err)
	if c, err = net.Dial("tcp", at.String()); err == nil { // the reset may be faster
		defer c.Close()
		_, err = c.Read(make([]byte, 1))
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestLimits: what is too much is refused, counted, and there again when a
// flow is over.
func TestLimits(t *testing.T) {
	guest, u := lab(t, uplink.Config{Loopback: true, MaxTCP: 1})
	l := host(t)
	c, err := guest.Dial(limit(t), "tcp", gateway(l.Addr()))
	must(t, err)
	h, err := l.AcceptTCP()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := guest.Dial(ctx, "tcp", gateway(l.Addr())); err == nil {
		t.Error("a connection too many")
	}
	if s := u.Stats(); s.TCP != 1 || s.Refused == 0 {
		t.Errorf("%+v", s)
	}
	c.Close()
	h.Close()
	if c, err = guest.Dial(limit(t), "tcp", gateway(l.Addr())); err != nil { // by a SYN sent again, at the latest
		t.Fatal(err)
	}
	c.Close()
}

// TestEcho: the gateway answers for itself; for others the machine is asked.
func TestEcho(t *testing.T) {
	guest, u := lab(t, uplink.Config{})
	c, err := guest.ListenPacket(limit(t), "ip4:icmp", "10.0.2.15")
	must(t, err)
	defer c.Close()
	request := []byte{8, 0, 0xe5, 0xca, 0x12, 0x34, 0, 1} // identifier 0x1234, sequence 1
	_, err = c.WriteTo(request, &net.IPAddr{IP: net.IPv4(10, 0, 2, 2)})
	must(t, err)
	p := make([]byte, 100)
	n, from, err := c.ReadFrom(p)
	if err != nil || from.String() != "10.0.2.2" {
		t.Fatalf("%x from %v, %v", p[:n], from, err)
	}
	if err := uplink.CanPing(); err != nil {
		t.Skipf("this machine has no ping sockets for us (net.ipv4.ping_group_range): %v", err)
	}
	own := hostAddr(t)
	_, err = c.WriteTo(request, &net.IPAddr{IP: own})
	must(t, err)
	n, from, err = c.ReadFrom(p)
	if err != nil || from.String() != own.String() || n < 28 || p[20] != 0 || p[24] != 0x12 || p[25] != 0x34 {
		t.Errorf("%x from %v, %v", p[:n], from, err)
	}
	if s := u.Stats(); s.Echo != 1 {
		t.Errorf("%+v", s)
	}
}

// hostAddr is an address of this machine that is not its loopback.
func hostAddr(t *testing.T) net.IP {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	must(t, err)
	for _, a := range addrs {
		if p, ok := a.(*net.IPNet); ok && p.IP.To4() != nil && !p.IP.IsLoopback() {
			return p.IP.To4()
		}
	}
	t.Skip("this machine has no IPv4 address but its loopback's")
	return nil
}

// TestFarRefusal: the refusal of an address that is not the gateway's comes
// from that address.
func TestFarRefusal(t *testing.T) {
	guest, _ := lab(t, uplink.Config{})
	at := net.UDPAddr{IP: hostAddr(t)}
	s, err := net.ListenUDP("udp4", &at)
	must(t, err)
	at.Port = s.LocalAddr().(*net.UDPAddr).Port
	s.Close() // nobody there
	c, err := guest.Dial(limit(t), "udp", at.String())
	must(t, err)
	defer c.Close()
	_, err = c.Write([]byte("x"))
	must(t, err)
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	if _, err := guest.Dial(limit(t), "tcp", at.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
}

package tcp_test

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// md5sig is struct tcp_md5sig.
func md5sig(addr, key string, flags, prefix uint8, ifindex int) []byte {
	p := make([]byte, 216)
	binary.NativeEndian.PutUint16(p, uapi.AF_INET)
	ip := netip.MustParseAddr(addr).As4()
	copy(p[4:], ip[:])
	p[128], p[129] = flags, prefix
	binary.NativeEndian.PutUint16(p[130:], uint16(len(key)))
	binary.NativeEndian.PutUint32(p[132:], uint32(ifindex))
	copy(p[136:], key)
	return p
}

func setKey(t testing.TB, s sock.Socket, addr, key string) {
	t.Helper()
	must(t, s.Setsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_MD5SIG, md5sig(addr, key, 0, 0, 0)))
}

// TestMD5Options compares with what 6.18 answered.
func TestMD5Options(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	s := stream(t, a)
	long := strings.Repeat("a", 80)
	tooLong := md5sig("127.0.0.2", long, 0, 0, 0)
	binary.NativeEndian.PutUint16(tooLong[130:], 81)
	v6 := md5sig("127.0.0.2", "k", 0, 0, 0)
	binary.NativeEndian.PutUint16(v6, uapi.AF_INET6)
	const plain, ext = uapi.TCP_MD5SIG, uapi.TCP_MD5SIG_EXT
	for _, c := range []struct {
		what string
		name int
		val  []byte
		want error
	}{
		{"a key", plain, md5sig("127.0.0.1", "secret", 0, 0, 0), nil},
		{"215 bytes", plain, md5sig("127.0.0.1", "secret", 0, 0, 0)[:215], errno.EINVAL},
		{"300 bytes", plain, append(md5sig("127.0.0.1", "secret", 0, 0, 0), make([]byte, 84)...), nil},
		{"80 bytes of key", plain, md5sig("127.0.0.2", long, 0, 0, 0), nil},
		{"81", plain, tooLong, errno.EINVAL},
		{"no family", plain, make([]byte, 216), errno.EINVAL},
		{"IPv6 on an IPv4 socket", plain, v6, errno.EINVAL},
		{"removing what is not there", plain, md5sig("127.0.0.9", "", 0, 0, 0), errno.ENOENT},
		{"removing", plain, md5sig("127.0.0.2", "", 0, 0, 0), nil},
		{"removing again", plain, md5sig("127.0.0.2", "", 0, 0, 0), errno.ENOENT},
		{"prefix 33", ext, md5sig("127.0.0.2", "k", 1, 33, 0), errno.EINVAL},
		{"host bits in the prefix", ext, md5sig("127.0.0.2", "k", 1, 24, 0), nil},
		{"prefix 0", ext, md5sig("0.0.0.0", "k", 1, 0, 0), nil},
		{"prefix without its flag", ext, md5sig("127.0.0.2", "k", 0, 33, 0), nil},
		{"flags are the other option's", plain, md5sig("127.0.0.2", "k", 1, 33, 0), nil},
		{"an unknown flag", ext, md5sig("127.0.0.2", "k", 8, 24, 0), nil},
		{"a device that is no L3 master", ext, md5sig("127.0.0.2", "k", 2, 0, 1), errno.EINVAL},
		{"a device that is not there", ext, md5sig("127.0.0.2", "k", 2, 0, 99), errno.EINVAL},
	} {
		if err := s.Setsockopt(root, uapi.IPPROTO_TCP, c.name, c.val); err != c.want {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if _, err := getBytes(s, plain, 300); err != errno.ENOPROTOOPT {
		t.Errorf("reading a key: %v", err)
	}
	n := 0 // optmem_max 131072 holds 963, of which four are there
	for ; ; n++ {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)})
		if err := s.Setsockopt(root, uapi.IPPROTO_TCP, plain, md5sig(addr.String(), "k", 0, 0, 0)); err != nil {
			if err != errno.ENOMEM || n != 959 {
				t.Errorf("after %d keys: %v", n, err)
			}
			break
		}
	}
}

// signatureGood computes a segment's signature as RFC 2385 §2.0 says.
func signatureGood(s segment, payload []byte, key string) bool {
	var sig []byte
	for p := s.opt; len(p) > 1; {
		if p[0] == 1 {
			p = p[1:]
			continue
		}
		if p[0] == wire.TCPOptMD5 {
			sig = p[2:18]
		}
		p = p[p[1]:]
	}
	var in []byte
	in = binary.BigEndian.AppendUint32(in, s.ip.Saddr())
	in = binary.BigEndian.AppendUint32(in, s.ip.Daddr())
	in = append(in, 0, uapi.IPPROTO_TCP)
	in = binary.BigEndian.AppendUint16(in, uint16(s.ip.TotLen()-s.ip.IHL()))
	h := *s.tcp
	h[16], h[17] = 0, 0
	in = append(append(append(in, h[:]...), payload...), key...)
	sum := md5.Sum(in)
	return bytes.Equal(sum[:], sig)
}

// payloadOf is the rest of a segment's packet.
func payloadOf(s segment) []byte {
	p := s.opt[:len(s.opt):cap(s.opt)]
	return p[len(p) : len(p)+s.n]
}

// TestMD5AsLinux compares a connection with one that 6.18 made, with the key
// "secret"; every segment is signed, the reset too.
func TestMD5AsLinux(t *testing.T) { // RFC 2385; spec 11.81
	data, err := os.ReadFile("testdata/md5-6.18.pcap")
	must(t, err)
	want := segments(t, data)
	a, b, _ := hosts.Pair(t)
	l := listen(t, b, 80, 10)
	setKey(t, l, a.Addr().String(), "secret")
	cli := stream(t, a)
	setKey(t, cli, b.Addr().String(), "secret")
	if err := cli.Connect(root, at(b.Addr(), 80)); err != errno.EINPROGRESS {
		t.Fatal(err)
	}
	srv := accept(t, l)
	send(t, cli, "hello", 0)
	if got, _ := recv(srv, 0); got != "hello" {
		t.Fatalf("%q", got)
	}
	if n := getInt(t, cli, uapi.IPPROTO_TCP, uapi.TCP_MAXSEG); n != 1440 {
		t.Errorf("TCP_MAXSEG %d, want 1440", n)
	}
	send(t, cli, "unread", 0)
	srv.Close()
	got := segments(t, a.Lab.Capture())
	if len(got) != len(want) {
		t.Fatalf("%d segments, %d of Linux", len(got), len(want))
	}
	for i := range want {
		if got[i].shape() != want[i].shape() {
			t.Errorf("segment %d: %s; Linux: %s", i, got[i].shape(), want[i].shape())
		}
		if !signatureGood(want[i], payloadOf(want[i]), "secret") || !signatureGood(got[i], payloadOf(got[i]), "secret") {
			t.Errorf("segment %d: the signature is bad", i)
		}
	}
}

// TestMD5Mismatch is what 6.18 did: silence, and one counter each.
func TestMD5Mismatch(t *testing.T) {
	for _, c := range []struct{ name, client, server, counter string }{
		{"another key", "k", "secret", "TCPMD5Failure"},
		{"no key", "", "secret", "TCPMD5NotFound"},
		{"a key nobody asked for", "k", "", "TCPMD5Unexpected"},
	} {
		a, b, _ := hosts.Pair(t)
		l := listen(t, b, 80, 10)
		if c.server != "" {
			setKey(t, l, a.Addr().String(), c.server)
		}
		cli := stream(t, a)
		if c.client != "" {
			setKey(t, cli, b.Addr().String(), c.client)
		}
		cli.Connect(root, at(b.Addr(), 80))
		a.Lab.Advance(500 * time.Millisecond)
		if cli.Base().State() != uapi.TCP_SYN_SENT || counter(t, b, "TcpExt", c.counter) != "1" || counter(t, b, "Tcp", "OutRsts") != "0" {
			t.Errorf("%s: state %d, %s %s", c.name, cli.Base().State(), c.counter, counter(t, b, "TcpExt", c.counter))
		}
	}
	a, b, _ := hosts.Pair(t) // a signed SYN for a closed port is not answered: nobody could sign
	cli := stream(t, a)
	setKey(t, cli, b.Addr().String(), "k")
	cli.Connect(root, at(b.Addr(), 81))
	a.Lab.Advance(500 * time.Millisecond)
	if n := counter(t, b, "Tcp", "OutRsts"); n != "0" {
		t.Errorf("a signed SYN for a closed port: %s resets", n)
	}
}

func TestMD5OnAnEstablishedConnection(t *testing.T) { // observed on 6.18
	a, b, _, cli, srv := conn(t)
	setKey(t, cli, b.Addr().String(), "k")
	send(t, cli, "x", 0)
	a.Lab.Advance(300 * time.Millisecond)
	if _, err := recv(srv, 0); err != errno.EAGAIN {
		t.Errorf("recv of a signed segment: %v", err)
	}
	if counter(t, b, "TcpExt", "TCPMD5Unexpected") == "0" {
		t.Error("TCPMD5Unexpected is 0")
	}
	setKey(t, cli, b.Addr().String(), "")
	a.Lab.Advance(2 * time.Second)
	want(t, srv, "x")
}

func TestMD5Bulk(t *testing.T) { // segments are signed one by one, with loss too
	a, b, link := hosts.Pair(t)
	l := listen(t, b, 80, 10)
	must(t, l.Setsockopt(root, uapi.IPPROTO_TCP, uapi.TCP_MD5SIG_EXT, md5sig("10.0.0.0", "some secret", 1, 8, 0)))
	cli := stream(t, a)
	setKey(t, cli, b.Addr().String(), "some secret")
	cli.Connect(root, at(b.Addr(), 80))
	a.Lab.Clock.Settle()
	srv := accept(t, l)
	link.Impair(impair.Config{Delay: 5 * time.Millisecond, Loss: impair.Chance{P: 0.02}})
	transfer(t, a, cli, srv, strings.Repeat("0123456789abcdef", 1<<13))
	for _, s := range segments(t, a.Lab.Capture()) {
		if s.n > 1440 {
			t.Fatalf("a segment of %d bytes", s.n)
		}
	}
	for _, name := range []string{"TCPMD5Failure", "TCPMD5NotFound"} {
		if n := counter(t, b, "TcpExt", name); n != "0" {
			t.Errorf("%s %s", name, n)
		}
	}
}

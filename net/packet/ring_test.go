package packet_test

import (
	"encoding/binary"
	"testing"
	"time"

	"linen/lib/shmem"
	"linen/net/packet"
	"linen/net/sock"
	"linen/test/hosts"
	"linen/uapi"
	"linen/uapi/errno"
)

// words makes a struct of 32-bit numbers.
func words(v ...uint32) (p []byte) {
	for _, w := range v {
		p = binary.NativeEndian.AppendUint32(p, w)
	}
	return p
}

// ringed makes a tap of a host with a ring.
func ringed(t testing.TB, h *hosts.Host, version uint32, req ...uint32) (*packet.Sock, shmem.Memory) {
	t.Helper()
	s := open(t, h, uapi.SOCK_RAW, uapi.ETH_P_ALL)
	set(t, s, uapi.PACKET_VERSION, version)
	if err := s.Setsockopt(root, uapi.SOL_PACKET, uapi.PACKET_RX_RING, words(req...)); err != nil {
		t.Fatal(err)
	}
	return s, s.RingMemory()
}

func u32(p []byte) uint32 { return binary.NativeEndian.Uint32(p) }
func u16(p []byte) int    { return int(binary.NativeEndian.Uint16(p)) }

func TestRingOfFrames(t *testing.T) { // Documentation/networking/packet_mmap.rst, TPACKET_V1 and V2
	for _, c := range []struct {
		version                  uint32
		size, sll, snap, mac, ts int // offsets in the header
	}{
		{uapi.TPACKET_V1, 8, 32, 12, 16, 20},
		{uapi.TPACKET_V2, 4, 32, 8, 12, 16},
	} {
		a, b, _ := hosts.Pair(t)
		s, mem := ringed(t, a, c.version, 4096, 2, 2048, 4)
		if s.Poll()&uapi.POLLIN != 0 {
			t.Error("an empty ring is readable")
		}
		a.MustPing(b.Addr()) // four frames
		if s.Poll()&uapi.POLLIN == 0 {
			t.Error("a full ring is not readable")
		}
		for i := range 4 {
			off := 2048 * i
			p := mem.Bytes()[off : off+2048]
			if mem.Load(off)&uapi.TP_STATUS_USER == 0 {
				t.Fatalf("V%d: frame %d: status %x", c.version+1, i, mem.Load(off))
			}
			sa, ok := uapi.ParseSockaddrLl(p[c.sll : c.sll+20])
			mac, net := u16(p[c.mac:]), u16(p[c.mac+2:])
			if !ok || net-mac != 14 || u32(p[c.size:]) != u32(p[c.snap:]) || binary.BigEndian.Uint16(p[mac+12:]) != sa.Protocol {
				t.Errorf("V%d: frame %d: %+v, mac %d, net %d, %d of %d bytes", c.version+1, i, sa, mac, net, u32(p[c.snap:]), u32(p[c.size:]))
			}
			if u32(p[c.ts:]) == 0 {
				t.Errorf("V%d: no time", c.version+1)
			}
		}
		a.MustPing(b.Addr()) // no room
		var stats [12]byte
		if n, err := s.Getsockopt(root, uapi.SOL_PACKET, uapi.PACKET_STATISTICS, stats[:]); err != nil || n != 8 || u32(stats[:]) != 6 || u32(stats[4:]) != 2 {
			t.Errorf("statistics: %d bytes %v, %v", n, stats, err)
		}
		for i := range 4 {
			mem.Store(2048*i, uapi.TP_STATUS_KERNEL)
		}
		if s.Poll()&uapi.POLLIN != 0 {
			t.Error("readable although all was given back")
		}
		a.MustPing(b.Addr())
		if mem.Load(0)&uapi.TP_STATUS_USER == 0 || mem.Load(4096) != 0 {
			t.Error("the ring does not begin anew")
		}
	}
}

func TestRingOfBlocks(t *testing.T) { // TPACKET_V3
	a, b, _ := hosts.Pair(t)
	const size, private = 4096, 40
	s, mem := ringed(t, a, uapi.TPACKET_V3, size, 2, 2048, 4, 60, private, 0)
	a.MustPing(b.Addr())
	if s.Poll()&uapi.POLLIN != 0 || mem.Load(8) != 0 {
		t.Error("a block is the reader's before its time")
	}
	a.Lab.Advance(61 * time.Millisecond)
	if mem.Load(8) != uapi.TP_STATUS_USER|uapi.TP_STATUS_BLK_TMO || s.Poll()&uapi.POLLIN == 0 {
		t.Fatalf("status %x", mem.Load(8))
	}
	p := mem.Bytes()[:size]
	if u32(p[4:]) != 48 || u32(p[12:]) != 4 || u32(p[16:]) != 48+private || binary.NativeEndian.Uint64(p[24:]) != 1 {
		t.Errorf("description %v", p[:48])
	}
	at, end := int(u32(p[16:])), 0
	for i := range 4 {
		f := p[at:]
		mac := u16(f[24:])
		sa, ok := uapi.ParseSockaddrLl(f[48:68])
		if !ok || binary.BigEndian.Uint16(f[mac+12:]) != sa.Protocol || u32(f[12:]) != u32(f[16:]) || u32(f[20:])&uapi.TP_STATUS_USER == 0 {
			t.Errorf("frame %d: %+v", i, sa)
		}
		next := int(u32(f))
		if (next == 0) != (i == 3) {
			t.Errorf("frame %d: next is %d on", i, next)
		}
		end = at + mac + int(u32(f[12:]))
		at += next
	}
	if used := int(u32(p[20:])); used < end || used > end+8 {
		t.Errorf("%d bytes used, the last frame ends at %d", used, end)
	}
}

func TestFullBlocksFreezeTheQueue(t *testing.T) { // tp_freeze_q_cnt
	a, b, _ := hosts.Pair(t)
	s, mem := ringed(t, a, uapi.TPACKET_V3, 4096, 2, 2048, 4, 60, 0, 0)
	for range 5 {
		if err := a.Ping(b.Addr(), 1400); err != nil {
			t.Fatal(err)
		}
	}
	if mem.Load(8)&uapi.TP_STATUS_USER == 0 || mem.Load(4096+8)&uapi.TP_STATUS_USER == 0 {
		t.Fatal("blocks that are full are not the reader's")
	}
	var stats [12]byte
	n, err := s.Getsockopt(root, uapi.SOL_PACKET, uapi.PACKET_STATISTICS, stats[:])
	if err != nil || n != 12 || u32(stats[:]) != 12 || u32(stats[4:]) == 0 || u32(stats[8:]) != 1 {
		t.Errorf("%d bytes, %v, %v", n, stats, err)
	}
	mem.Store(8, uapi.TP_STATUS_KERNEL)
	a.MustPing(b.Addr())
	a.Lab.Advance(time.Second)
	if mem.Load(8)&uapi.TP_STATUS_USER == 0 || u32(mem.Bytes()[12:]) != 2 {
		t.Error("the queue does not thaw")
	}
}

func TestRingRequests(t *testing.T) { // packet_set_ring's refusals
	a, _, _ := hosts.Pair(t)
	for _, c := range []struct {
		name    string
		version uint32
		req     []uint32
		want    error
	}{
		{"cut off", 0, []uint32{4096, 1, 2048}, errno.EINVAL},
		{"cut off for V3", 2, []uint32{4096, 1, 2048, 2}, errno.EINVAL},
		{"no block", 0, []uint32{4096, 0, 2048, 2}, errno.EINVAL},
		{"nothing to end", 0, []uint32{0, 0, 0, 0}, nil},
		{"not a page", 0, []uint32{4000, 1, 2000, 2}, errno.EINVAL},
		{"not aligned", 0, []uint32{4096, 1, 2040, 2}, errno.EINVAL},
		{"a frame without room for a header", 0, []uint32{4096, 1, 48, 85}, errno.EINVAL},
		{"frames do not add up", 0, []uint32{4096, 2, 2048, 3}, errno.EINVAL},
		{"a frame larger than a block", 0, []uint32{4096, 1, 8192, 1}, errno.EINVAL},
		{"too many frames", 0, []uint32{1 << 30, 1 << 31, 64, 0}, errno.EINVAL},
		{"a private area as large as the block", 2, []uint32{4096, 1, 2048, 2, 0, 4000, 0}, errno.EINVAL},
		{"more than there is", 0, []uint32{1 << 30, 4, 1 << 30, 4}, errno.ENOMEM},
	} {
		s := open(t, a, uapi.SOCK_RAW, 0)
		set(t, s, uapi.PACKET_VERSION, c.version)
		if err := s.Setsockopt(root, uapi.SOL_PACKET, uapi.PACKET_RX_RING, words(c.req...)); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	s, _ := ringed(t, a, uapi.TPACKET_V2, 4096, 1, 2048, 2)
	for name, val := range map[int][]byte{
		uapi.PACKET_RX_RING: words(4096, 1, 2048, 2), uapi.PACKET_VERSION: words(0), uapi.PACKET_RESERVE: words(4),
		uapi.PACKET_LOSS: words(1), uapi.PACKET_VNET_HDR: words(1),
	} {
		if err := s.Setsockopt(root, uapi.SOL_PACKET, name, val); err != errno.EBUSY {
			t.Errorf("option %d of a socket with a ring: %v", name, err)
		}
	}
	if err := s.Setsockopt(root, uapi.SOL_PACKET, uapi.PACKET_RX_RING, words(0, 0, 0, 0)); err != nil || s.RingMemory().Len() != 0 {
		t.Errorf("the end of a ring: %v", err)
	}
	hdr := words(uapi.TPACKET_V3)
	if n, err := s.Getsockopt(root, uapi.SOL_PACKET, uapi.PACKET_HDRLEN, hdr); err != nil || n != 4 || u32(hdr) != 48 {
		t.Errorf("PACKET_HDRLEN: %d %v %v", n, hdr, err)
	}
}

func TestRingOfTransmission(t *testing.T) { // PACKET_TX_RING behind a ring of reception
	a, b, _ := hosts.Pair(t)
	tap := open(t, b, uapi.SOCK_RAW, 0x88b5)
	s, _ := ringed(t, a, uapi.TPACKET_V2, 4096, 1, 2048, 2)
	if err := s.Setsockopt(root, uapi.SOL_PACKET, uapi.PACKET_TX_RING, words(4096, 1, 2048, 2)); err != nil {
		t.Fatal(err)
	}
	mem := s.RingMemory()
	if mem.Len() != 8192 {
		t.Fatal("memory of", mem.Len())
	}
	if err := s.Bind(root, on(a, "eth0", 0)); err != nil {
		t.Fatal(err)
	}
	frame := append([]byte{255, 255, 255, 255, 255, 255, 2, 1, 1, 1, 1, 1, 0x88, 0xb5}, "from a ring"...)
	fill := func(off, size int) {
		binary.NativeEndian.PutUint32(mem.Bytes()[off+4:], uint32(size))
		copy(mem.Bytes()[off+32:], frame)
		mem.Store(off, uapi.TP_STATUS_SEND_REQUEST)
	}
	fill(4096, len(frame))
	fill(4096+2048, len(frame))
	if n, err := s.Sendmsg(root, &sock.Msg{}); err != nil || n != 2*len(frame) {
		t.Fatal(n, err)
	}
	if got := drain(tap); len(got) != 2 || string(got[1].data) != string(frame) || mem.Load(4096) != uapi.TP_STATUS_AVAILABLE {
		t.Errorf("%d frames", len(got))
	}
	fill(4096, 5000)
	if _, err := s.Sendmsg(root, &sock.Msg{}); err != errno.EMSGSIZE || mem.Load(4096) != uapi.TP_STATUS_WRONG_FORMAT {
		t.Errorf("%v, status %x", err, mem.Load(4096))
	}
}

func TestFanout(t *testing.T) { // each frame goes to one member
	for _, c := range []struct {
		name string
		mode uint32
		want []int // frames of the members; nil: only the sum counts
	}{
		{"lb", uapi.PACKET_FANOUT_LB, []int{2, 2}},
		{"rollover", uapi.PACKET_FANOUT_ROLLOVER, []int{4, 0}},
		{"qm", uapi.PACKET_FANOUT_QM, []int{4, 0}},
		{"hash", uapi.PACKET_FANOUT_HASH, nil},
		{"rnd", uapi.PACKET_FANOUT_RND, nil},
		{"cpu", uapi.PACKET_FANOUT_CPU, nil},
	} {
		a, b, _ := hosts.Pair(t)
		x, y := open(t, a, uapi.SOCK_RAW, uapi.ETH_P_ALL), open(t, a, uapi.SOCK_RAW, uapi.ETH_P_ALL)
		for _, s := range []*packet.Sock{x, y} {
			set(t, s, uapi.PACKET_FANOUT, 7|c.mode<<16)
		}
		a.MustPing(b.Addr())
		n, m := len(drain(x)), len(drain(y))
		if n+m != 4 || c.want != nil && (n != c.want[0] || m != c.want[1]) {
			t.Errorf("%s: %d and %d frames", c.name, n, m)
		}
		x.Close()
		a.MustPing(b.Addr())
		if n := len(drain(y)); n != 2 {
			t.Errorf("%s: the member that is left gets %d frames", c.name, n)
		}
		z := open(t, a, uapi.SOCK_RAW, 0)
		if err := z.Setsockopt(root, uapi.SOL_PACKET, uapi.PACKET_FANOUT, words(7|c.mode<<16)); err != errno.EINVAL {
			t.Errorf("%s: a socket that receives nothing: %v", c.name, err)
		}
	}
}

// TestFanoutGroups: what cannot be a group, or join one (kernel selftest
// psock_fanout.c).
func TestFanoutGroups(t *testing.T) {
	a, _, _ := hosts.Pair(t)
	first := open(t, a, uapi.SOCK_RAW, 0x0800)
	join := func(s *packet.Sock, kind, most uint32) error {
		return s.Setsockopt(root, uapi.SOL_PACKET, uapi.PACKET_FANOUT, append(words(5|kind<<16), words(most)...))
	}
	const itself = uapi.PACKET_FANOUT_ROLLOVER | uapi.PACKET_FANOUT_FLAG_ROLLOVER
	if err := join(first, itself, 0); err != errno.EINVAL {
		t.Errorf("rollover of a rollover group: %v", err)
	}
	if err := join(first, uapi.PACKET_FANOUT_HASH, 256); err != nil {
		t.Fatal(err)
	}
	for most, want := range map[uint32]error{257: errno.EINVAL, 1<<16 + 1: errno.EINVAL, 0: nil, 256: nil} {
		if err := join(open(t, a, uapi.SOCK_RAW, 0x0800), uapi.PACKET_FANOUT_HASH, most); err != want {
			t.Errorf("%d members at most, in a group of 256: %v", most, err)
		}
	}
}

func TestVirtioHeader(t *testing.T) { // PACKET_VNET_HDR: the sender leaves the checksum to us
	a, b, _ := hosts.Pair(t)
	tap := open(t, b, uapi.SOCK_RAW, 0x88b5)
	set(t, tap, uapi.PACKET_VNET_HDR, 1)
	s := open(t, a, uapi.SOCK_RAW, 0)
	set(t, s, uapi.PACKET_VNET_HDR, 1)
	frame := append([]byte{255, 255, 255, 255, 255, 255, 2, 1, 1, 1, 1, 1, 0x88, 0xb5}, make([]byte, 20)...)
	h := make([]byte, 10)
	h[0] = 1 // VIRTIO_NET_HDR_F_NEEDS_CSUM
	binary.NativeEndian.PutUint16(h[6:], 14)
	binary.NativeEndian.PutUint16(h[8:], 6)
	to := on(a, "eth0", 0)
	if n, err := s.Sendmsg(root, &sock.Msg{Data: append(h, frame...), Name: to}); err != nil || n != len(h)+len(frame) {
		t.Fatal(n, err)
	}
	g, err := recv(tap)
	if err != nil || len(g.data) != len(h)+len(frame) {
		t.Fatal(len(g.data), err)
	}
	if g.data[0]&1 != 0 && (u16(g.data[6:]) != 14 || u16(g.data[8:]) != 6) {
		t.Errorf("%x", g.data[:10])
	}
	binary.NativeEndian.PutUint16(h[6:], 200)
	for name, data := range map[string][]byte{"cut off": h[:9], "outside": append(h, frame...)} {
		if _, err := s.Sendmsg(root, &sock.Msg{Data: data, Name: to}); err != errno.EINVAL {
			t.Errorf("%s: %v", name, err)
		}
	}
}

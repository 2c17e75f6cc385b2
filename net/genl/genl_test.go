package genl_test

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/genl"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

func newNet(t *testing.T) *netns.Net {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	n, err := netns.New(k, netlink.Pernet(), genl.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return n
}

func open(t *testing.T, n *netns.Net, who *netlink.Creds) *netlink.Port {
	t.Helper()
	p, err := netlink.Open(n, uapi.NETLINK_GENERIC, who, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func receive(p *netlink.Port) (all [][]byte) {
	for {
		d, err := p.Recv(65536, false)
		if err != nil {
			return all
		}
		all = append(all, d.Data)
	}
}

// TestControllerAsLinux compares nlctrl's answers, byte for byte, with those
// of Linux 6.18 (testdata/record.py of net/netlink).
func TestControllerAsLinux(t *testing.T) {
	f, err := os.Open("../netlink/testdata/acks.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := newNet(t)
	root := netlink.RootCreds(1)
	seen := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		w := strings.Fields(s.Text())
		if w[1] != "16" {
			continue
		}
		seen++
		req, err := hex.DecodeString(w[3])
		if err != nil {
			t.Fatal(err)
		}
		p := open(t, n, root)
		p.Bind(0x55667788, 0, root)
		p.SetOption(netlink.OptExtAck, true, root)
		if _, err := p.Send(req, nil, root); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range receive(p) {
			got = append(got, hex.EncodeToString(d))
		}
		p.Close()
		if !slices.Equal(got, w[4:]) {
			t.Errorf("%s:\n got %v\nwant %v", w[0], got, w[4:])
		}
	}
	if seen < 20 {
		t.Errorf("only %d exchanges", seen)
	}
}

func message(typ, flags uint16, cmd uint8, attrs ...byte) []byte {
	b := make([]byte, 20, 20+len(attrs))
	netlink.Header{Len: uint32(20 + len(attrs)), Type: typ, Flags: flags, Seq: 7}.Put(b)
	b[16] = cmd
	return append(b, attrs...)
}

// echo is a family whose command 1 answers with its attribute 1 plus one.
func echo(done *int) genl.Family {
	return genl.Family{
		Name: "echo", Version: 1, Groups: []string{"a", "b"},
		Policy: netlink.Policy{1: netlink.U32().Max(100), 2: netlink.Nested(netlink.Policy{1: netlink.Flag()})},
		Ops: []genl.Op{{Cmd: 1, Do: func(r *netlink.Request, a netlink.Attrs) error {
			*done = int(a.U32(1))
			return nil
		}}, {Cmd: 2, Flags: uapi.GENL_ADMIN_PERM, Do: func(*netlink.Request, netlink.Attrs) error { return nil }}},
	}
}

func TestFamily(t *testing.T) {
	n := newNet(t)
	root, nobody := netlink.RootCreds(1), &netlink.Creds{PID: 9}
	listener := open(t, n, nobody)
	if err := listener.Join(uapi.GENL_ID_CTRL, nobody); err != nil {
		t.Fatal(err)
	}
	var done int
	f, err := genl.Register(n, echo(&done))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := genl.Register(n, echo(&done)); err != errno.EEXIST {
		t.Errorf("the same name again: %v", err)
	}
	if got := receive(listener); len(got) != 3 { // NEWFAMILY, two NEWMCAST_GRP
		t.Errorf("%d announcements, want 3", len(got))
	}
	p := open(t, n, nobody)
	for _, c := range []struct {
		name string
		req  []byte
		want errno.Errno
		done int
	}{
		{"served", message(f.ID(), 5, 1, 8, 0, 1, 0, 42, 0, 0, 0), 0, 42},
		{"out of range", message(f.ID(), 1, 1, 8, 0, 1, 0, 101, 0, 0, 0), errno.ERANGE, 42},
		{"length is checked strictly", message(f.ID(), 1, 1, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0), errno.EINVAL, 42},
		{"nested without its flag", message(f.ID(), 1, 1, 8, 0, 2, 0, 4, 0, 1, 0), errno.EINVAL, 42},
		{"admin only", message(f.ID(), 1, 2), errno.EPERM, 42},
		{"no such command", message(f.ID(), 1, 3), errno.EOPNOTSUPP, 42},
		{"no dump", message(f.ID(), 0x301, 1), errno.EOPNOTSUPP, 42},
		{"no family", message(f.ID()+1, 1, 1), errno.ENOENT, 42},
	} {
		if _, err := p.Send(c.req, nil, nobody); err != nil {
			t.Fatal(err)
		}
		got := receive(p)
		if len(got) != 1 {
			t.Fatalf("%s: %d answers", c.name, len(got))
		}
		if e := errno.Errno(-int32(binary.NativeEndian.Uint32(got[0][16:]))); e != c.want || done != c.done {
			t.Errorf("%s: %v (%d), want %v (%d)", c.name, e.Name(), done, c.want.Name(), c.done)
		}
	}
	if err := p.Join(2, root); err != nil {
		t.Fatal(err)
	}
	f.Notify(nil, 0, f.Message(nil, 9), nil)
	if got := receive(p); len(got) != 1 || got[0][16] != 9 {
		t.Errorf("notification: %v", got)
	}
	f.Unregister()
	p.Send(message(uapi.GENL_ID_CTRL, 1, uapi.CTRL_CMD_GETFAMILY, 6, 0, 1, 0, byte(f.ID()), 0, 0, 0), nil, root)
	if got := receive(p); len(got) != 1 || binary.NativeEndian.Uint16(got[0][4:]) != uapi.NLMSG_ERROR {
		t.Errorf("after Unregister: %x", got)
	}
}

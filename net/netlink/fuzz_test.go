package netlink_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"

	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// recorded returns requests that iproute2 sent (testdata/requests.sh).
func recorded(t testing.TB) (list [][]byte) {
	t.Helper()
	f, err := os.Open("testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		b, err := hex.DecodeString(s.Text())
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, b)
	}
	if len(list) < 90 {
		t.Fatalf("only %d requests", len(list))
	}
	return list
}

// fuzzPolicy has every kind of rule, nested in itself.
func fuzzPolicy() netlink.Policy {
	p := netlink.Policy{
		0: netlink.StrictFrom(40), 1: netlink.Binary(32), 2: netlink.MinLen(4), 3: netlink.String(15),
		4: netlink.U32().Range(68, 65535), 5: netlink.ExactLen(4), 6: netlink.NulString(15),
		7: netlink.Flag(), 8: netlink.NestedArray(nil), 9: netlink.U64(), 10: netlink.S32().Min(-1),
		11: netlink.U16().Mask(0xff), 12: netlink.Bitfield32(7), 13: netlink.U8().Max(32), 14: netlink.BE16(),
		15: netlink.Reject("refused"), 16: netlink.BE32(), 17: netlink.ExactLenWarn(6), 18: netlink.Nested(nil),
		19: netlink.S8(), 20: netlink.Struct(12), 21: {Kind: netlink.KindUint}, 26: netlink.Nested(nil),
		50: {},
	}
	p[8].Nested, p[18].Nested, p[26].Nested = p, p, p
	return p
}

// FuzzMessage sends arbitrary bytes to a protocol that parses in all modes and
// answers, dumps and notifies: whatever comes back is well formed.
func FuzzMessage(f *testing.F) {
	for i, b := range recorded(f) {
		f.Add(b, i%2 == 0)
	}
	p := fuzzPolicy()
	n := newNet(f, netlink.Proto{Groups: 40, Request: func(r *netlink.Request) error {
		mode := []netlink.Mode{netlink.Liberal, netlink.Strict, netlink.Full}[r.Type%3]
		a, err := r.Parse(int(r.Type%5)*4, p, mode)
		if err != nil {
			return err
		}
		if r.Dumping() {
			return r.StartDump(func(d *netlink.Dump) error {
				d.Put(r.Type, 0, func(m *netlink.Msg) { m.Attr(1, a.Get(3).Bytes()) })
				return nil
			}, r.Type&1 == 0)
		}
		m := r.Message(r.Type, 0)
		m.String(3, a.Text(3))
		r.Reply(m)
		return netlink.ErrorAt(errno.ENOENT, a.Get(18), "no %q", a.Text(3))
	}})
	f.Fuzz(func(t *testing.T, data []byte, extended bool) {
		root := netlink.RootCreds(1)
		port := open(t, n, 0, 0)
		defer port.Close()
		port.SetOption(netlink.OptExtAck, extended, root)
		if _, err := port.Send(data, nil, root); err != nil && len(data) > 0 {
			t.Fatal(err)
		}
		for {
			d, err := port.Recv(32768, false)
			if err != nil {
				if err != errno.EAGAIN && err != errno.ENOBUFS {
					t.Fatal(err)
				}
				break
			}
			each(t, d.Data, func(h netlink.Header, body []byte) {
				if h.Port != port.ID() {
					t.Errorf("port %d in an answer to %d", h.Port, port.ID())
				}
				if h.Type == uapi.NLMSG_ERROR && len(body) < 20 {
					t.Errorf("an error of %d bytes", len(body))
				}
			})
		}
	})
}

// FuzzAttrs walks and parses arbitrary attributes without rules: what is
// returned lies inside the input, and building them again gives the same set.
func FuzzAttrs(f *testing.F) {
	for _, b := range recorded(f) {
		if len(b) > 32 {
			f.Add(b[32:])
		}
	}
	liberal := make(netlink.Policy, 64)
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := check(liberal, netlink.Liberal, data)
		if err != nil {
			t.Fatalf("liberal parsing without rules: %v", err)
		}
		m := netlink.NewMsg(1, 0)
		for typ := range 64 {
			at := a.Get(typ)
			if !at.Present() {
				continue
			}
			end := int(at.Offset()) + 4 + at.Len()
			if at.Offset() < 16 || end > 16+len(data) || !bytes.Equal(data[end-at.Len()-16:end-16], at.Bytes()) {
				t.Fatalf("attribute %d at %d, %d bytes of %d", typ, at.Offset(), at.Len(), len(data))
			}
			at.Each(func(in netlink.Attr) bool { return int(in.Offset())+4+in.Len() <= end })
			_, _, _, _ = at.U8(), at.U16(), at.U32(), at.U64()
			_, _, _ = at.Text(), at.Addr(), at.BE16()
			m.Attr(uint16(typ), at.Bytes())
		}
		again, err := check(liberal, netlink.Strict, m.Bytes()[16:])
		if err != nil {
			t.Fatalf("what was built does not parse: %v", err)
		}
		for typ := range 64 {
			if !bytes.Equal(a.Get(typ).Bytes(), again.Get(typ).Bytes()) {
				t.Errorf("attribute %d changed", typ)
			}
		}
	})
}

// FuzzPolicy checks arbitrary attributes against every kind of rule: stricter
// modes never take what a laxer one refuses, and errors carry a number.
func FuzzPolicy(f *testing.F) {
	for _, b := range recorded(f) {
		if len(b) > 32 {
			f.Add(b[32:])
		}
	}
	p := fuzzPolicy()
	f.Fuzz(func(t *testing.T, data []byte) {
		_, liberal := check(p, netlink.Liberal, data)
		_, strict := check(p, netlink.Strict, data)
		_, full := check(p, netlink.Full, data)
		if liberal != nil && strict == nil || strict != nil && full == nil {
			t.Errorf("liberal %v, strict %v, full %v", liberal, strict, full)
		}
		for _, err := range []error{liberal, strict, full} {
			var x *netlink.ExtAck
			if err != nil && (!errors.As(err, &x) || x.Errno == 0 || int(x.Offset()) > 16+len(data)) {
				t.Errorf("%#v", err)
			}
		}
	})
}

// TestRecordedRequestsCutAnywhere sends every prefix of what iproute2 sent, and
// every one with a byte changed.
func TestRecordedRequestsCutAnywhere(t *testing.T) {
	p := fuzzPolicy()
	n := newNet(t, netlink.Proto{Request: func(r *netlink.Request) error {
		_, err := r.Parse(int(r.Type%5)*4, p, netlink.Full)
		return err
	}})
	port := open(t, n, 5, 0)
	root := netlink.RootCreds(1)
	drain := func() {
		for {
			if _, err := port.Recv(4096, false); err == errno.EAGAIN {
				return
			}
		}
	}
	for _, req := range recorded(t) {
		req = req[:min(len(req), 200)]
		for i := range req {
			if i > 0 {
				port.Send(req[:i], nil, root)
			}
			changed := bytes.Clone(req)
			changed[i] ^= 0xff
			port.Send(changed, nil, root)
			drain()
		}
	}
}

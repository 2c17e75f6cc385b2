package ipv4_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"linen/net/netlink"
	"linen/uapi"
)

// TestErrorsAreTheKernels sends odd requests and compares errno, offset and
// text of the answers with those of Linux 6.18 (testdata/errors.txt, recorded
// by errors.py).
func TestErrorsAreTheKernels(t *testing.T) {
	text, err := os.ReadFile("testdata/errors.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0")
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Split(line, "|")
		typ, _ := strconv.Atoi(f[1])
		flags, _ := strconv.Atoi(f[2])
		body, err := hex.DecodeString(f[4])
		if err != nil {
			t.Fatal(err)
		}
		i := newIP(t, n)
		i.p.SetOption(netlink.OptStrict, f[3] == "1", netlink.RootCreds(1))
		if flags&uapi.NLM_F_DUMP != uapi.NLM_F_DUMP || typ&3 != 2 {
			flags |= uapi.NLM_F_ACK
		}
		m := append(make([]byte, netlink.HeaderLen), body...)
		netlink.Header{Len: uint32(len(m)), Type: uint16(typ), Flags: uint16(flags) | uapi.NLM_F_REQUEST, Seq: 1}.Put(m)
		if _, err := i.p.Send(m, &netlink.Addr{}, netlink.RootCreds(1)); err != nil {
			t.Fatal(err)
		}
		if got := i.verdict(); got != f[5] {
			t.Errorf("%s: %q, the kernel %q", f[0], got, f[5])
		}
	}
}

// verdict reads up to the acknowledgement or the end of a dump.
func (i *ip) verdict() string {
	for {
		d, err := i.p.Recv(1<<16, false)
		if err != nil {
			return "none"
		}
		for data := d.Data; len(data) >= netlink.HeaderLen; {
			h := netlink.ParseHeader(data)
			m := data[:h.Len]
			data = data[min(netlink.Align(int(h.Len)), len(data)):]
			at := map[uint16]int{uapi.NLMSG_ERROR: 36, uapi.NLMSG_DONE: 20}[h.Type]
			if at == 0 {
				continue
			}
			msg, off := "", uint32(0)
			if h.Flags&uapi.NLM_F_ACK_TLVS != 0 {
				netlink.EachAttr(m[at:], func(a netlink.Attr) bool {
					switch a.Type() {
					case uapi.NLMSGERR_ATTR_MSG:
						msg = a.Text()
					case uapi.NLMSGERR_ATTR_OFFS:
						off = a.U32()
					}
					return true
				})
			}
			e := -int32(binary.NativeEndian.Uint32(m[16:]))
			return strings.TrimSpace(fmt.Sprintf("%d %d %s", e, off, msg))
		}
	}
}

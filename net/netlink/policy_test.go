package netlink_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"linen/net/netlink"
	"linen/uapi"
	"linen/uapi/errno"
)

// attr builds one attribute.
func attr(typ uint16, data ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(data)))
	b = append(binary.NativeEndian.AppendUint16(b, typ), data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// check parses attributes behind an empty family header.
func check(p netlink.Policy, mode netlink.Mode, data []byte) (netlink.Attrs, error) {
	r := &netlink.Request{Data: append(make([]byte, 16, 16+len(data)), data...)}
	return r.Parse(0, p, mode)
}

func TestPolicy(t *testing.T) {
	const failed = "Attribute failed policy validation"
	inner := netlink.Policy{1: netlink.U32(), 2: {}}
	p := netlink.Policy{
		1:  netlink.U8(),
		2:  netlink.U32().Range(10, 20),
		3:  netlink.S32().Min(-5),
		4:  netlink.String(4),
		5:  netlink.NulString(4),
		6:  netlink.Flag(),
		7:  netlink.Nested(inner),
		8:  netlink.NestedArray(inner),
		9:  netlink.Binary(4),
		10: netlink.Bitfield32(3),
		11: netlink.Reject("no such thing"),
		12: netlink.U16().Mask(0x0f),
		13: netlink.ExactLen(6),
		14: netlink.ExactLenWarn(6),
		15: netlink.MinLen(4),
		16: netlink.Struct(8),
		17: netlink.BE16().Range(1, 1023),
		18: netlink.Rule{Kind: netlink.KindUint},
		19: netlink.U64(),
		20: netlink.U8().Check(func(a netlink.Attr) error {
			return netlink.ErrorAt(errno.EBUSY, a, "not %d", a.U8())
		}),
		21: {},
	}
	nested := uint16(uapi.NLA_F_NESTED)
	L, S, F := netlink.Liberal, netlink.Strict, netlink.Full
	for _, c := range []struct {
		name string
		data []byte
		mode netlink.Mode
		want errno.Errno
		text string
	}{
		{"u8", attr(1, 5), F, 0, ""},
		{"u8 empty", attr(1), L, errno.ERANGE, failed},
		{"u8 long, liberal", attr(1, 5, 0, 0, 0), L, 0, ""},
		{"u8 long, full", attr(1, 5, 0, 0, 0), F, errno.EINVAL, "invalid attribute length"},
		{"range below", attr(2, 9, 0, 0, 0), L, errno.ERANGE, "integer out of range"},
		{"range lower end", attr(2, 10, 0, 0, 0), L, 0, ""},
		{"range upper end", attr(2, 20, 0, 0, 0), L, 0, ""},
		{"range above", attr(2, 21, 0, 0, 0), L, errno.ERANGE, "integer out of range"},
		{"signed minimum", attr(3, 0xfb, 0xff, 0xff, 0xff), L, 0, ""},
		{"signed below", attr(3, 0xfa, 0xff, 0xff, 0xff), L, errno.ERANGE, "integer out of range"},
		{"string", attr(4, 'a', 'b', 'c', 'd'), F, 0, ""},
		{"string with NUL", attr(4, 'a', 'b', 'c', 'd', 0), F, 0, ""},
		{"string long", attr(4, 'a', 'b', 'c', 'd', 'e'), L, errno.ERANGE, failed},
		{"string empty", attr(4), L, errno.ERANGE, failed},
		{"nul string", attr(5, 'a', 0), L, 0, ""},
		{"nul string without", attr(5, 'a'), L, errno.EINVAL, failed},
		{"nul string NUL too far", attr(5, 'a', 'b', 'c', 'd', 'e', 0), L, errno.EINVAL, failed},
		{"flag", attr(6), F, 0, ""},
		{"flag with data", attr(6, 1), L, errno.ERANGE, failed},
		{"nested", attr(7|nested, attr(1, 1, 0, 0, 0)...), F, 0, ""},
		{"nested without flag", attr(7, attr(1, 1, 0, 0, 0)...), F, errno.EINVAL, "NLA_F_NESTED is missing"},
		{"nested without flag, liberal", attr(7, attr(1, 1, 0, 0, 0)...), L, 0, ""},
		{"nested short inside", attr(7, attr(1, 1)...), L, errno.ERANGE, failed},
		{"nested too short", attr(7, 1, 2), L, errno.ERANGE, failed},
		{"nested empty", attr(7 | nested), F, 0, ""},
		{"nested unknown inside", attr(7|nested, attr(9, 1)...), S, errno.EINVAL, "Unknown attribute type"},
		{"flagged number", attr(1|nested, 5), F, errno.EINVAL, "NLA_F_NESTED not expected"},
		{"array", attr(8|nested, attr(0, attr(1, 1, 0, 0, 0)...)...), F, 0, ""},
		{"array element broken", attr(8|nested, attr(0, attr(1, 1)...)...), L, errno.ERANGE, failed},
		{"array element short", attr(8|nested, attr(0, 1)...), L, errno.ERANGE, "Array element too short"},
		{"binary", attr(9, 1, 2, 3, 4), F, 0, ""},
		{"binary long", attr(9, 1, 2, 3, 4, 5), L, errno.ERANGE, failed},
		{"bitfield", attr(10, 1, 0, 0, 0, 1, 0, 0, 0), F, 0, ""},
		{"bitfield short", attr(10, 1, 0, 0, 0), L, errno.ERANGE, failed},
		{"bitfield unknown bit", attr(10, 4, 0, 0, 0, 4, 0, 0, 0), L, errno.EINVAL, failed},
		{"bitfield unselected", attr(10, 1, 0, 0, 0, 2, 0, 0, 0), L, errno.EINVAL, failed},
		{"rejected", attr(11), L, errno.EINVAL, "no such thing"},
		{"mask", attr(12, 0x0f, 0), F, 0, ""},
		{"mask broken", attr(12, 0x10, 0), L, errno.EINVAL, "reserved bit set"},
		{"exact", attr(13, 1, 2, 3, 4, 5, 6), F, 0, ""},
		{"exact long", attr(13, 1, 2, 3, 4, 5, 6, 7), L, errno.ERANGE, "binary attribute size out of range"},
		{"exact, warn, long, liberal", attr(14, 1, 2, 3, 4, 5, 6, 7), L, 0, ""},
		{"exact, warn, long, full", attr(14, 1, 2, 3, 4, 5, 6, 7), F, errno.EINVAL, "invalid attribute length"},
		{"exact, warn, short", attr(14, 1), L, errno.ERANGE, "binary attribute size out of range"},
		{"minimum", attr(15, 1, 2, 3, 4, 5), F, 0, ""},
		{"below the minimum", attr(15, 1), L, errno.ERANGE, "binary attribute size out of range"},
		{"struct long, liberal", attr(16, make([]byte, 12)...), L, 0, ""},
		{"struct short", attr(16, make([]byte, 4)...), L, errno.ERANGE, failed},
		{"struct, full", attr(16, make([]byte, 8)...), F, errno.EINVAL, "Unsupported attribute"},
		{"port", attr(17, 3, 0xff), F, 0, ""},
		{"port above", attr(17, 4, 0), L, errno.ERANGE, "integer out of range"},
		{"uint of 4", attr(18, 1, 0, 0, 0), F, 0, ""},
		{"uint of 8", attr(18, 1, 0, 0, 0, 0, 0, 0, 0), F, 0, ""},
		{"uint of 2", attr(18, 1, 0), L, errno.EINVAL, failed},
		{"u64 short", attr(19, 1, 0, 0, 0), L, errno.ERANGE, failed},
		{"function", attr(20, 3), L, errno.EBUSY, "not 3"},
		{"without a kind", attr(21, 3), S, 0, ""},
		{"without a kind, full", attr(21, 3), F, errno.EINVAL, "Unsupported attribute"},
		{"type 0", attr(0, 1), L, 0, ""},
		{"type 0, strict", attr(0, 1), S, errno.EINVAL, "Unknown attribute type"},
		{"unknown", attr(99, 1), L, 0, ""},
		{"unknown, strict", attr(99, 1), S, errno.EINVAL, "Unknown attribute type"},
		{"left over", []byte{1, 2, 3}, L, 0, ""},
		{"left over, strict", []byte{1, 2, 3}, S, errno.EINVAL, "bytes leftover after parsing attributes"},
		{"length of 3", []byte{3, 0, 1, 0}, S, errno.EINVAL, "bytes leftover after parsing attributes"},
		{"length beyond the end", []byte{9, 0, 1, 0, 1, 0, 0, 0}, S, errno.EINVAL, "bytes leftover after parsing attributes"},
	} {
		_, err := check(p, c.mode, c.data)
		var x *netlink.ExtAck
		text := ""
		if errors.As(err, &x) {
			text = x.Msg
		}
		if got := netlink.ErrnoOf(err); got != c.want || text != c.text {
			t.Errorf("%s: %v %q, want %v %q", c.name, got.Name(), text, c.want.Name(), c.text)
		}
		if err != nil && text != "bytes leftover after parsing attributes" && x.Offset() < 16 {
			t.Errorf("%s: offset %d", c.name, x.Offset())
		}
	}
}

func TestStrictFrom(t *testing.T) {
	p := netlink.Policy{0: netlink.StrictFrom(2), 1: netlink.U8(), 2: netlink.U8()}
	if _, err := check(p, netlink.Liberal, attr(1, 1, 2)); err != nil {
		t.Errorf("an old attribute: %v", err)
	}
	if _, err := check(p, netlink.Liberal, attr(2, 1, 2)); err == nil {
		t.Error("a new attribute of a wrong length passed")
	}
}

func TestNestingIsBounded(t *testing.T) {
	p := netlink.Policy{1: {Kind: netlink.KindNested}}
	p[1].Nested = p
	data := attr(1)
	for range 12 {
		data = attr(1, data...)
	}
	_, err := check(p, netlink.Liberal, data)
	if err == nil || err.Error() != "allowed policy recursion depth exceeded" {
		t.Errorf("%v", err)
	}
}

func TestLastAttributeCounts(t *testing.T) {
	p := netlink.Policy{1: netlink.U8(), 2: {}}
	a, err := check(p, netlink.Liberal, append(attr(1, 7), attr(1, 8)...))
	if err != nil || a.U8(1) != 8 || a.Has(2) || a.Get(2).U32() != 0 || a.Has(99) {
		t.Errorf("%v, %v", a, err)
	}
}

func TestParseNested(t *testing.T) {
	p := netlink.Policy{1: netlink.Nested(nil)}
	inner := netlink.Policy{2: netlink.String(9)}
	a, err := check(p, netlink.Liberal, attr(1, attr(2, 'h', 'i', 0)...))
	if err != nil {
		t.Fatal(err)
	}
	in, err := netlink.ParseNested(a.Get(1), inner, netlink.Liberal)
	if err != nil || in.Text(2) != "hi" || in.Get(2).Offset() != 20 {
		t.Errorf("%q at %d, %v", in.Text(2), in.Get(2).Offset(), err)
	}
	if _, err := netlink.ParseNested(a.Get(1), inner, netlink.Full); err == nil {
		t.Error("without NLA_F_NESTED under full checking")
	}
}

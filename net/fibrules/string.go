package fibrules

import (
	"fmt"
	"net/netip"
	"strings"

	"linen/uapi"
)

// String returns the rule as `ip rule` prints it: "100: from 10.0.0.0/8
// lookup 100". Addresses are taken for IPv4.
func (r *Rule) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d: ", r.Pref)
	if r.Flags&uapi.FIB_RULE_INVERT != 0 {
		s.WriteString("not ")
	}
	s.WriteString("from " + r.Src.text())
	if r.Dst.Len != 0 {
		s.WriteString(" to " + r.Dst.text())
	}
	if r.TOS != 0 {
		fmt.Fprintf(&s, " tos 0x%02x", r.TOS)
	}
	if r.Mark != 0 || r.Mask != 0 {
		fmt.Fprintf(&s, " fwmark 0x%x", r.Mark)
		if r.Mask != 0xffffffff {
			fmt.Fprintf(&s, "/0x%x", r.Mask)
		}
	}
	if r.IIF != "" {
		s.WriteString(" iif " + r.IIF)
	}
	if r.OIF != "" {
		s.WriteString(" oif " + r.OIF)
	}
	if r.UIDSet {
		fmt.Fprintf(&s, " uidrange %d-%d", r.UID.Start, r.UID.End)
	}
	if r.IPProto != 0 {
		fmt.Fprintf(&s, " ipproto %d", r.IPProto)
	}
	s.WriteString(r.SPort.text("sport") + r.DPort.text("dport") + " " + r.actionText())
	return s.String()
}

// text returns the prefix, "all" when it holds everything.
func (p Prefix) text() string {
	if p.Len == 0 {
		return "all"
	}
	a := netip.AddrFrom4([4]byte(p.Addr[:4]))
	if p.Len == 32 {
		return a.String()
	}
	return fmt.Sprintf("%v/%d", a, p.Len)
}

// text returns a range of ports behind its keyword, or "".
func (p Range) text(key string) string {
	switch {
	case p.Start == 0:
		return ""
	case p.Start == p.End:
		return fmt.Sprintf(" %s %d", key, p.Start)
	}
	return fmt.Sprintf(" %s %d-%d", key, p.Start, p.End)
}

// actionText returns what the rule does.
func (r *Rule) actionText() string {
	switch r.Action {
	case uapi.FR_ACT_TO_TBL:
		if r.L3mdev {
			return "lookup [l3mdev-table]"
		}
		return "lookup " + TableName(r.Table)
	case uapi.FR_ACT_GOTO:
		return fmt.Sprintf("goto %d", r.Goto)
	case uapi.FR_ACT_NOP:
		return "nop"
	case uapi.FR_ACT_BLACKHOLE:
		return "blackhole"
	case uapi.FR_ACT_UNREACHABLE:
		return "unreachable"
	case uapi.FR_ACT_PROHIBIT:
		return "prohibit"
	}
	return fmt.Sprintf("action %d", r.Action)
}

// TableName returns a routing table's name as iproute2's rt_tables has it.
func TableName(id uint32) string {
	switch id {
	case uapi.RT_TABLE_LOCAL:
		return "local"
	case uapi.RT_TABLE_MAIN:
		return "main"
	case uapi.RT_TABLE_DEFAULT:
		return "default"
	}
	return fmt.Sprint(id)
}

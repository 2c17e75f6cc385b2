package ipv4_test

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"linen/net/netlink"
	"linen/uapi"
)

// rule sends what `ip rule VERB` does.
func (i *ip) rule(verb string, w []string) string {
	typ, flags := uint16(uapi.RTM_NEWRULE), verbs["add"]
	if verb == "del" {
		typ, flags = uapi.RTM_DELRULE, 0
	}
	m := netlink.NewMsg(typ, flags|uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Grow(12)
	hdr := [12]byte{uapi.AF_INET, 7: uapi.FR_ACT_UNSPEC}
	if verb == "add" {
		hdr[7] = uapi.FR_ACT_TO_TBL
	}
	table := false
	for j := 0; j < len(w); j += 2 {
		v := at(w, j+1)
		switch w[j] {
		case "from", "to":
			if v == "all" {
				continue
			}
			a, plen := prefixOf(v)
			if w[j] == "from" {
				hdr[2] = plen
				m.Addr(uapi.FRA_SRC, a)
			} else {
				hdr[1] = plen
				m.Addr(uapi.FRA_DST, a)
			}
		case "realms":
			m.U32(uapi.FRA_FLOW, realms(v))
		case "pref":
			m.U32(uapi.FRA_PRIORITY, number(v))
		case "lookup", "table":
			table = true
			id := tableOf(v)
			if hdr[4] = uint8(id); id >= 256 {
				hdr[4] = 0
				m.U32(uapi.FRA_TABLE, id)
			}
		case "goto":
			hdr[7] = uapi.FR_ACT_GOTO
			m.U32(uapi.FRA_GOTO, number(v))
		case "iif":
			m.String(uapi.FRA_IIFNAME, v)
		case "oif":
			m.String(uapi.FRA_OIFNAME, v)
		case "fwmark":
			mark, mask, masked := strings.Cut(v, "/")
			m.U32(uapi.FRA_FWMARK, number(mark))
			if masked {
				m.U32(uapi.FRA_FWMASK, number(mask))
			}
		case "tos":
			hdr[3] = uint8(number("0x" + strings.TrimPrefix(v, "0x")))
		case "ipproto":
			m.U8(uapi.FRA_IP_PROTO, map[string]uint8{"tcp": 6, "udp": 17}[v])
		case "sport", "dport":
			b := m.Reserve(map[string]uint16{"sport": uapi.FRA_SPORT_RANGE, "dport": uapi.FRA_DPORT_RANGE}[w[j]], 4)
			lo, hi, ranged := strings.Cut(v, "-")
			if !ranged {
				hi = lo
			}
			binary.NativeEndian.PutUint16(b, uint16(number(lo)))
			binary.NativeEndian.PutUint16(b[2:], uint16(number(hi)))
		case "uidrange":
			lo, hi, _ := strings.Cut(v, "-")
			b := m.Reserve(uapi.FRA_UID_RANGE, 8)
			binary.NativeEndian.PutUint32(b, number(lo))
			binary.NativeEndian.PutUint32(b[4:], number(hi))
		case "suppress_prefixlength":
			m.U32(uapi.FRA_SUPPRESS_PREFIXLEN, number(v))
		default:
			j--
			table = true
			switch w[j+1] {
			case "not":
				hdr[8] = uapi.FIB_RULE_INVERT
				table = false
			case "nop":
				hdr[7] = uapi.FR_ACT_NOP
			default:
				hdr[7], _ = typeOf(w[j+1])
			}
		}
	}
	if verb == "add" && !table && hdr[7] == uapi.FR_ACT_TO_TBL {
		hdr[4] = uapi.RT_TABLE_MAIN
	}
	copy(m.Bytes()[16:], hdr[:])
	_, failed := i.ask(m)
	return failed
}

func (i *ip) showRules() string {
	m := netlink.NewMsg(uapi.RTM_GETRULE, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Grow(12)[0] = uapi.AF_INET
	answers, failed := i.ask(m)
	var lines []string
	for _, a := range answers {
		lines = append(lines, printRule(a))
	}
	if failed != "" {
		lines = append(lines, failed)
	}
	return strings.Join(lines, "\n")
}

// printRule prints a rule as `ip rule` does.
func printRule(msg []byte) string {
	h := msg[16:28]
	tb := map[uint16]netlink.Attr{}
	netlink.EachAttr(msg[28:], func(a netlink.Attr) bool { tb[a.Type()] = a; return true })
	flags := binary.NativeEndian.Uint32(h[8:])
	var s strings.Builder
	put := func(ok bool, format string, args ...any) {
		if ok {
			fmt.Fprintf(&s, format+" ", args...)
		}
	}
	fmt.Fprintf(&s, "%d:\t", tb[uapi.FRA_PRIORITY].U32())
	put(flags&uapi.FIB_RULE_INVERT != 0, "not")
	put(h[2] == 0, "from all")
	put(h[2] == 32, "from %v", tb[uapi.FRA_SRC].Addr())
	put(h[2] > 0 && h[2] < 32, "from %v/%d", tb[uapi.FRA_SRC].Addr(), h[2])
	put(h[1] == 32, "to %v", tb[uapi.FRA_DST].Addr())
	put(h[1] > 0 && h[1] < 32, "to %v/%d", tb[uapi.FRA_DST].Addr(), h[1])
	put(h[3] != 0, "tos 0x%02x", h[3])
	mask := tb[uapi.FRA_FWMASK]
	put(mask.Present() && mask.U32() != 0xffffffff, "fwmark 0x%x/0x%x", tb[uapi.FRA_FWMARK].U32(), mask.U32())
	put(mask.Present() && mask.U32() == 0xffffffff, "fwmark 0x%x", tb[uapi.FRA_FWMARK].U32())
	put(tb[uapi.FRA_IIFNAME].Present(), "iif %s", tb[uapi.FRA_IIFNAME].Text())
	put(flags&uapi.FIB_RULE_IIF_DETACHED != 0, "[detached]")
	put(tb[uapi.FRA_OIFNAME].Present(), "oif %s", tb[uapi.FRA_OIFNAME].Text())
	put(flags&uapi.FIB_RULE_OIF_DETACHED != 0, "[detached]")
	if u := tb[uapi.FRA_UID_RANGE]; u.Present() {
		put(true, "uidrange %d-%d", u.U32(), binary.NativeEndian.Uint32(u.Bytes()[4:]))
	}
	put(tb[uapi.FRA_IP_PROTO].Present(), "ipproto %s", map[uint8]string{6: "tcp", 17: "udp"}[tb[uapi.FRA_IP_PROTO].U8()])
	for _, p := range []struct {
		typ  uint16
		name string
	}{{uapi.FRA_SPORT_RANGE, "sport"}, {uapi.FRA_DPORT_RANGE, "dport"}} {
		if r := tb[p.typ]; r.Present() {
			lo, hi := r.U16(), binary.NativeEndian.Uint16(r.Bytes()[2:])
			put(lo == hi, "%s %d", p.name, lo)
			put(lo != hi, "%s %d-%d", p.name, lo, hi)
		}
	}
	table := strconv.Itoa(int(tb[uapi.FRA_TABLE].U32()))
	for name, id := range tables {
		if id == tb[uapi.FRA_TABLE].U32() {
			table = name
		}
	}
	put(h[7] == uapi.FR_ACT_TO_TBL, "lookup %s", table)
	if v := int32(tb[uapi.FRA_SUPPRESS_PREFIXLEN].U32()); v != -1 {
		put(true, "suppress_prefixlength %d", v)
	}
	if v := tb[uapi.FRA_FLOW].U32(); v != 0 {
		s.WriteString(strings.Replace(realmText(v), "realm ", "realms ", 1))
	}
	put(h[7] == uapi.FR_ACT_GOTO, "goto %d", tb[uapi.FRA_GOTO].U32())
	put(flags&uapi.FIB_RULE_UNRESOLVED != 0, "[unresolved]")
	put(h[7] == uapi.FR_ACT_NOP, "nop")
	put(h[7] > uapi.FR_ACT_NOP, "%s", routeTypes[min(int(h[7]), 10)])
	return strings.TrimRight(s.String(), " ")
}

package neigh_test

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/netlink"
	"linen/net/procfs"
	"linen/net/sysctl"
	"linen/uapi"
)

// TestRequestsAnswerAsLinux replays testdata/requests.txt, which record.py
// made on Linux 6.18.
func TestRequestsAnswerAsLinux(t *testing.T) {
	text, err := os.ReadFile("testdata/requests.txt")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t)
	l.locked(func() { dev.Open(dev.Loopback(l.n)) })
	if l.d.Ifindex() != 2 {
		t.Fatalf("a0 has index %d", l.d.Ifindex())
	}
	for _, c := range strings.Split("\n"+string(text), "\n# ")[1:] {
		name, rest, _ := strings.Cut(c, "\n> ")
		lines := strings.Split(strings.TrimSpace(rest), "\n")
		req, strict := strings.CutPrefix(lines[0], "strict ")
		got := l.replay(req, strict)
		var want []string
		for _, s := range lines[1:] {
			want = append(want, strings.TrimPrefix(s, "< "))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s\n linen %q\nkernel %q", name, got, want)
		}
	}
}

// replay sends a recorded request and returns what the record shows.
func (l *lab) replay(req string, strict bool) (lines []string) {
	raw, err := hex.DecodeString(req)
	if err != nil {
		l.t.Fatal(err)
	}
	p := l.open()
	defer p.Close()
	p.SetOption(netlink.OptStrict, strict, netlink.RootCreds(1))
	m := netlink.NewMsg(binary.NativeEndian.Uint16(raw[4:]), binary.NativeEndian.Uint16(raw[6:]))
	m.Put(raw[netlink.HeaderLen:])
	data := append(m.Bytes()[:netlink.HeaderLen:netlink.HeaderLen], raw[netlink.HeaderLen:]...)
	binary.NativeEndian.PutUint32(data, uint32(len(data))) // not padded
	answers, failed := l.askRaw(p, data)
	if failed != "" {
		return []string{failed}
	}
	for _, a := range answers {
		h := netlink.ParseHeader(a)
		body := slices.Clone(a[netlink.HeaderLen:])
		netlink.EachAttr(body[uapi.SizeofNdMsg:], func(at netlink.Attr) bool {
			if at.Type() == uapi.NDA_CACHEINFO {
				clear(at.Bytes()) // ages and holders vary
			}
			return true
		})
		lines = append(lines, fmt.Sprintf("%d %#x %x", h.Type, h.Flags, body))
	}
	slices.Sort(lines)
	return lines
}

// newNeigh builds RTM_NEWNEIGH for a0.
func (l *lab) newNeigh(flags uint16, ip uint32, mac []byte, state uint16, ntf uint8, ext uint32) *netlink.Msg {
	m := netlink.NewMsg(uapi.RTM_NEWNEIGH, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK|flags)
	m.Put((&uapi.NdMsg{Family: uapi.AF_INET, Ifindex: int32(l.d.Ifindex()), State: state, Flags: ntf}).Append(nil))
	m.BE32(uapi.NDA_DST, ip)
	if mac != nil {
		m.Attr(uapi.NDA_LLADDR, mac)
	}
	if ext != 0 {
		m.U32(uapi.NDA_FLAGS_EXT, ext)
	}
	return m
}

func (l *lab) delNeigh(ip uint32) *netlink.Msg {
	m := netlink.NewMsg(uapi.RTM_DELNEIGH, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put((&uapi.NdMsg{Family: uapi.AF_INET, Ifindex: int32(l.d.Ifindex())}).Append(nil))
	m.BE32(uapi.NDA_DST, ip)
	return m
}

// must sends a request that succeeds.
func (l *lab) must(m *netlink.Msg) {
	l.t.Helper()
	p := l.open()
	defer p.Close()
	if _, failed := l.ask(p, m); failed != "" {
		l.t.Fatalf("request failed: %s", failed)
	}
}

// TestNotifications compares with a transcript of `ip monitor neigh` of Linux
// 6.18.
func TestNotifications(t *testing.T) {
	l := newLab(t)
	const create = uapi.NLM_F_CREATE | uapi.NLM_F_EXCL
	const replace = uapi.NLM_F_CREATE | uapi.NLM_F_REPLACE
	five, mac5, mac6 := uint32(0x0a010005), []byte{2, 0, 0, 0, 0, 5}, []byte{2, 0, 0, 0, 0, 6}
	l.must(l.newNeigh(create, five, mac5, uapi.NUD_PERMANENT, 0, 0))
	l.must(l.newNeigh(uapi.NLM_F_REPLACE, five, mac6, uapi.NUD_PERMANENT, 0, 0))
	l.must(l.newNeigh(replace, five, mac6, uapi.NUD_STALE, 0, 0))
	l.must(l.delNeigh(five))
	l.wantEvents(
		"10.1.0.5 lladdr 02:00:00:00:00:05 PERMANENT",
		"10.1.0.5 lladdr 02:00:00:00:00:06 PERMANENT",
		"10.1.0.5 lladdr 02:00:00:00:00:06 STALE",
		"10.1.0.5 FAILED",
		"Deleted 10.1.0.5 FAILED")
	l.must(l.newNeigh(create, five+1, mac6, uapi.NUD_NOARP, 0, 0))
	l.must(l.newNeigh(create, five+2, mac5, uapi.NUD_REACHABLE, uapi.NTF_EXT_LEARNED, 0))
	l.must(l.newNeigh(replace, five+2, mac5, uapi.NUD_REACHABLE, uapi.NTF_EXT_LEARNED, 0))
	l.must(l.newNeigh(create, five+3, nil, 0, uapi.NTF_USE, 0))
	l.must(l.newNeigh(create, five+4, nil, 0, 0, uapi.NTF_EXT_MANAGED))
	l.must(l.newNeigh(create, five+5, nil, 0, uapi.NTF_PROXY, 0))
	l.clock.Advance(3 * time.Second)
	l.wantEvents(
		"10.1.0.6 lladdr 02:00:00:00:00:06 NOARP",
		"10.1.0.7 lladdr 02:00:00:00:00:05 extern_learn REACHABLE",
		"10.1.0.8 FAILED",
		"10.1.0.9 ext 1 FAILED")
	l.locked(func() { dev.SetAddr(l.d, []byte{2, 0, 0, 0, 0, 0x22}) })
	got := strings.Split(l.events(), "\n")
	slices.Sort(got)
	want := []string{
		"Deleted 10.1.0.6 lladdr 02:00:00:00:00:06 NOARP",
		"Deleted 10.1.0.7 lladdr 02:00:00:00:00:05 extern_learn REACHABLE",
		"Deleted 10.1.0.8 FAILED",
		"Deleted 10.1.0.9 ext 1 FAILED",
	}
	if !slices.Equal(got, want) {
		t.Errorf("address change: %q", got)
	}
	if len(l.tbl.Proxies()) != 1 {
		t.Error("the proxy went")
	}
}

func TestNotificationCarriesThePort(t *testing.T) {
	l := newLab(t)
	p := l.open()
	l.ask(p, l.newNeigh(uapi.NLM_F_CREATE, ip1, macA, uapi.NUD_PERMANENT, 0, 0))
	d, err := l.monitor.Recv(1<<16, false)
	if err != nil {
		t.Fatal(err)
	}
	if h := netlink.ParseHeader(d.Data); h.Port != p.ID() || h.Seq != 0 || h.Flags != 0 {
		t.Errorf("header %+v, want port %d", h, p.ID())
	}
}

func TestManagedStaysResolved(t *testing.T) {
	l := newLab(t)
	l.must(l.newNeigh(uapi.NLM_F_CREATE, ip1, nil, 0, 0, uapi.NTF_EXT_MANAGED))
	l.wantAsked("0s broadcast")
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.clock.Advance(reach + 11*time.Second)
	if len(l.asked) == 0 {
		t.Error("a managed entry that went stale is not probed")
	}
	l.must(l.delNeigh(ip1))
	l.reset()
	l.clock.Advance(time.Minute)
	l.wantAsked()
}

func TestValidatedElsewhereNeverFails(t *testing.T) {
	l := newLab(t)
	l.must(l.newNeigh(uapi.NLM_F_CREATE, ip1, macA, uapi.NUD_STALE, 0, 4))
	l.send(ip1, "x")
	l.clock.Advance(8 * time.Second)
	l.want(ip1, "STALE")
	l.clock.Advance(time.Hour)
	l.want(ip1, "STALE") // and is not collected
}

func TestDumpInPages(t *testing.T) {
	l := newLab(t)
	const n = 5000
	for i := range uint32(n) {
		nb, err := l.tbl.Create(l.d, neigh.Key4(ip1+i), 0, true)
		if err != nil {
			t.Fatal(err)
		}
		nb.Update(nil, macA, uapi.NUD_PERMANENT, neigh.Admin|neigh.Override, 0)
	}
	m := netlink.NewMsg(uapi.RTM_GETNEIGH, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Put((&uapi.NdMsg{Family: uapi.AF_INET}).Append(nil))
	answers, failed := l.ask(l.open(), m)
	seen := map[string]bool{}
	for _, a := range answers {
		seen[show(a)] = true
	}
	if failed != "" || len(seen) != n || len(answers) != n {
		t.Errorf("%d answers, %d entries, %q", len(answers), len(seen), failed)
	}
}

func TestNeighTables(t *testing.T) {
	l := newLab(t)
	m := netlink.NewMsg(uapi.RTM_SETNEIGHTBL, uapi.NLM_F_REQUEST|uapi.NLM_F_ACK)
	m.Put([]byte{uapi.AF_INET, 0, 0, 0})
	m.String(uapi.NDTA_NAME, "arp_cache")
	m.U32(uapi.NDTA_THRESH3, 2048)
	nest := m.NestOld(uapi.NDTA_PARMS)
	m.U32(uapi.NDTPA_IFINDEX, uint32(l.d.Ifindex()))
	m.U32(uapi.NDTPA_QUEUE_LEN, 5)
	m.U64(uapi.NDTPA_RETRANS_TIME, 250)
	m.End(nest)
	l.must(m)
	for path, want := range map[string]string{"a0/unres_qlen": "5", "a0/unres_qlen_bytes": "10450", "a0/retrans_time_ms": "250", "default/gc_thresh3": "2048", "default/unres_qlen": "101"} {
		if got, _ := sysctl.Of(l.n).Get("net/ipv4/neigh/" + path); got != want+"\n" {
			t.Errorf("%s = %q, want %s", path, got, want)
		}
	}
	m = netlink.NewMsg(uapi.RTM_GETNEIGHTBL, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Put([]byte{uapi.AF_INET, 0, 0, 0})
	answers, _ := l.ask(l.open(), m)
	if len(answers) != 3 {
		t.Fatalf("%d messages: the table, a0, lo", len(answers))
	}
	for i, want := range [][]int{
		{uapi.NDTA_NAME, uapi.NDTA_GC_INTERVAL, uapi.NDTA_THRESH1, uapi.NDTA_THRESH2, uapi.NDTA_THRESH3, uapi.NDTA_CONFIG, uapi.NDTA_STATS, uapi.NDTA_PARMS},
		{uapi.NDTA_NAME, uapi.NDTA_PARMS},
	} {
		var got, parms []int
		netlink.EachAttr(answers[i][netlink.HeaderLen+uapi.SizeofNdtMsg:], func(a netlink.Attr) bool {
			got = append(got, int(a.Type()))
			if a.Type() == uapi.NDTA_PARMS {
				a.Each(func(p netlink.Attr) bool { parms = append(parms, int(p.Type())); return true })
			}
			return true
		})
		// Linux 6.18: NDTPA_IFINDEX only for a device, times in ms at the end.
		order := []int{1, 2, 16, 8, 14, 9, 10, 11, 17, 3, 4, 6, 7, 5, 12, 13, 15, 19}[1-i:]
		if !slices.Equal(got, want) || !slices.Equal(parms, order) {
			t.Errorf("message %d: %v, parms %v", i, got, parms)
		}
	}
}

func TestProcFiles(t *testing.T) {
	l := newLab(t)
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	got, err := procfs.Of(l.n).Read("stat/arp_cache")
	want := "entries  allocs   destroys hash_grows lookups  hits     res_failed rcv_probes_mcast rcv_probes_ucast periodic_gc_runs forced_gc_runs unresolved_discards table_fulls\n" +
		"00000001 00000001 00000000 00000000   00000000 00000000 00000000   00000000         00000000         00000000         00000000       00000000            00000000\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

package neigh_test

import (
	"errors"
	"testing"
	"time"

	"linen/drivers/net/loopback"
	"linen/kern"
	"linen/net/dev"
	"linen/net/neigh"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// fill makes n STALE entries from ip1 on and returns how many there was room
// for.
func (l *lab) fill(first, n uint32, state uint16) (made int) {
	for i := range n {
		nb, err := l.tbl.Create(l.d, neigh.Key4(first+i), 0, state == uapi.NUD_PERMANENT)
		if err != nil {
			if !errors.Is(err, errno.ENOBUFS) {
				l.t.Fatal(err)
			}
			continue
		}
		nb.Update(nil, macA, state, neigh.Admin|neigh.Override, 0)
		made++
	}
	return made
}

func TestThresh3IsTheLimit(t *testing.T) { // 1500 `nud stale` adds on Linux: 1024
	l := newLab(t)
	if n := l.fill(ip1, 1500, uapi.NUD_STALE); n != 1024 || l.tbl.Len() != 1024 {
		t.Errorf("%d made, %d there", n, l.tbl.Len())
	}
	if l.tbl.Stats.TableFulls.Load() != 476 {
		t.Errorf("table_fulls %d", l.tbl.Stats.TableFulls.Load())
	}
	l.send(ip1+2000, "x") // no entry to be had: the packet's caller gets nil
	if l.state(ip1+2000) != "-" {
		t.Error("an entry beyond the limit")
	}
}

func TestThresh2CollectsWhatIsOld(t *testing.T) {
	l := newLab(t)
	l.fill(ip1, 600, uapi.NUD_STALE)
	l.clock.Advance(6 * time.Second)
	l.fill(ip1+1000, 1, uapi.NUD_STALE)
	if n := l.tbl.Len(); n != 512 {
		t.Errorf("%d entries, want thresh2", n)
	}
	if l.tbl.Stats.ForcedGCRuns.Load() == 0 {
		t.Error("not counted")
	}
}

func TestScanEvictsItself(t *testing.T) { // 7.71: what failed goes first
	l := newLab(t)
	l.hear(0x0aff0001, macA, uapi.NUD_REACHABLE, neigh.Override)
	for i := range uint32(4000) {
		l.send(ip1+i, "scan")
		l.clock.Advance(4 * time.Millisecond)
	}
	if n := l.tbl.Len(); n > 1024 {
		t.Errorf("%d entries", n)
	}
	l.want(0x0aff0001, "REACHABLE")
}

func TestPermanentIsNotCounted(t *testing.T) {
	l := newLab(t)
	if n := l.fill(ip1, 3000, uapi.NUD_PERMANENT); n != 3000 {
		t.Errorf("%d permanent entries", n)
	}
	if n := l.fill(ip1+5000, 1500, uapi.NUD_STALE); n != 1024 {
		t.Errorf("%d others", n)
	}
	// One that stops being permanent counts from then on.
	l.clock.Advance(time.Second)
	l.must(l.newNeigh(uapi.NLM_F_REPLACE, ip1, macA, uapi.NUD_STALE, 0, 0))
	sysctl.Of(l.n).Set("net/ipv4/neigh/default/gc_thresh3", "1025")
	if n := l.fill(ip1+9000, 1, uapi.NUD_STALE); n != 0 {
		t.Error("it does not count")
	}
}

func TestUnusedGoesAfterGCStaleTime(t *testing.T) {
	l := newLab(t)
	l.fill(ip1, 200, uapi.NUD_STALE)
	l.clock.Advance(59 * time.Second)
	if n := l.tbl.Len(); n != 200 {
		t.Errorf("%d entries after 59 s", n)
	}
	l.clock.Advance(30 * time.Second)
	if n := l.tbl.Len(); n > 0 {
		t.Errorf("%d entries left", n)
	}
	if l.k.Timers() != 0 {
		t.Errorf("%d timers run for an empty table", l.k.Timers())
	}
}

func TestFewAreNotCollected(t *testing.T) { // gc_thresh1
	l := newLab(t)
	l.fill(ip1, 100, uapi.NUD_STALE)
	l.clock.Advance(time.Hour)
	if n := l.tbl.Len(); n != 100 {
		t.Errorf("%d entries", n)
	}
}

func TestDeviceEvents(t *testing.T) {
	perm, stale := ip1, ip1+1
	for _, c := range []struct {
		name string
		do   func(l *lab)
		perm string
		left int // proxies
	}{
		{"down", func(l *lab) { dev.Close(l.d) }, "-", 0},
		{"carrier loss keeps what is permanent", func(l *lab) { l.d.CarrierOff() }, "PERMANENT", 1},
		{"address change", func(l *lab) { dev.SetAddr(l.d, []byte{2, 0, 0, 0, 0, 9}) }, "-", 1},
		{"arp off", func(l *lab) { dev.ChangeFlags(l.d, l.d.Flags()|uapi.IFF_NOARP) }, "-", 1},
		{"unregister", func(l *lab) { dev.Unregister(l.d) }, "-", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t)
			l.fill(perm, 1, uapi.NUD_PERMANENT)
			l.fill(stale, 1, uapi.NUD_STALE)
			l.tbl.AddProxy(l.d, neigh.Key4(ip1), 0, true, 0)
			l.send(ip1+2, "waits")
			l.locked(func() { c.do(l) })
			if got := l.state(perm); got != c.perm {
				t.Errorf("permanent entry: %s", got)
			}
			l.want(stale, "-")
			l.want(ip1+2, "-")
			if n := len(l.tbl.Proxies()); n != c.left {
				t.Errorf("%d proxies", n)
			}
			if d := skb.Drops(l.n)[skb.ReasonNeighDead]; d != 1 {
				t.Errorf("%d waiting packets ended as NEIGH_DEAD", d)
			}
		})
	}
}

func TestDeletedWhilePacketsWait(t *testing.T) { // 7.77
	l := newLab(t)
	l.send(ip1, "waits")
	l.must(l.delNeigh(ip1))
	l.want(ip1, "-")
	l.wantEvents("10.1.0.1 FAILED", "Deleted 10.1.0.1 FAILED")
	l.wantAsked("0s broadcast", "0s unreachable waits")
	l.clock.Advance(time.Minute)
	l.wantAsked()
}

func TestClosingLeavesNothing(t *testing.T) {
	l := newLab(t)
	for i := range uint32(50) {
		l.send(ip1+i, "waits")
	}
	l.hear(ip1+100, macA, uapi.NUD_REACHABLE, neigh.Override)
	l.n.Close()
	if l.tbl.Len() != 0 || l.k.Timers() != 0 {
		t.Errorf("%d entries, %d timers left", l.tbl.Len(), l.k.Timers())
	}
}

func TestProxyDelay(t *testing.T) {
	l := newLab(t)
	var redone []time.Duration
	l.tbl.SetOps(neigh.Ops{ProxyRedo: func(c *kern.CPU, b *skb.Buff) {
		redone = append(redone, c.Now().Sub(l.began))
		b.Consume(c)
	}})
	c := l.k.Enter(kern.Any)
	for range 80 {
		b := skb.Alloc(c, 0)
		b.Dev = l.d
		l.tbl.ProxyLater(c, l.tbl.ParmsOf(l.d), b)
	}
	c.Exit()
	l.clock.Advance(800 * time.Millisecond)
	if len(redone) != 65 || skb.Drops(l.n)[skb.ReasonNeighQueuefull] != 15 {
		t.Errorf("%d of 80 answered, want proxy_qlen + 1", len(redone))
	}
	if early := redone[0]; early == redone[len(redone)-1] || early > 400*time.Millisecond {
		t.Errorf("delays from %v on are not random", early)
	}
}

func TestSysctls(t *testing.T) { // recorded from Linux 6.18
	l := newLab(t)
	tree := sysctl.Of(l.n)
	for name, want := range map[string]string{
		"anycast_delay": "100", "app_solicit": "0", "base_reachable_time": "30", "base_reachable_time_ms": "30000",
		"delay_first_probe_time": "5", "gc_interval": "30", "gc_stale_time": "60", "gc_thresh1": "128", "gc_thresh2": "512",
		"gc_thresh3": "1024", "interval_probe_time_ms": "5000", "locktime": "100", "mcast_resolicit": "0",
		"mcast_solicit": "3", "proxy_delay": "80", "proxy_qlen": "64", "retrans_time": "100", "retrans_time_ms": "1000",
		"ucast_solicit": "3", "unres_qlen": "101", "unres_qlen_bytes": "212992",
	} {
		if got, err := tree.Get("net/ipv4/neigh/default/" + name); got != want+"\n" {
			t.Errorf("default/%s = %q, %v", name, got, err)
		}
	}
	for dir, want := range map[string]int{"default": 21, "lo": 17, "a0": 17} {
		if list, err := tree.List("net/ipv4/neigh/" + dir); len(list) != want {
			t.Errorf("%s: %d files, %v", dir, len(list), err)
		}
	}
	for _, c := range []struct{ write, value, read, want string }{
		{"a0/retrans_time", "50", "a0/retrans_time_ms", "500"},
		{"a0/base_reachable_time", "7", "a0/base_reachable_time_ms", "7000"},
		{"a0/unres_qlen", "3", "a0/unres_qlen_bytes", "6270"},
		{"default/ucast_solicit", "9", "a0/ucast_solicit", "9"},
		{"a0/mcast_solicit", "1", "a0/mcast_solicit", "1"},
		{"default/mcast_solicit", "4", "a0/mcast_solicit", "1"},
		{"default/unres_qlen_bytes", "4096", "lo/unres_qlen", "1"},
	} {
		if err := tree.Set("net/ipv4/neigh/"+c.write, c.value); err != nil {
			t.Errorf("%s: %v", c.write, err)
		}
		if got, _ := tree.Get("net/ipv4/neigh/" + c.read); got != c.want+"\n" {
			t.Errorf("%s=%s: %s is %q, want %s", c.write, c.value, c.read, got, c.want)
		}
	}
	for _, bad := range []string{"a0/mcast_solicit", "a0/unres_qlen", "a0/interval_probe_time_ms", "default/gc_thresh1"} {
		if err := tree.Set("net/ipv4/neigh/"+bad, "-1"); !errors.Is(err, errno.EINVAL) {
			t.Errorf("%s=-1: %v", bad, err)
		}
	}
}

func TestSysctlsFollowTheDevice(t *testing.T) {
	l := newLab(t)
	tree := sysctl.Of(l.n)
	l.locked(func() {
		dev.Close(l.d)
		if err := dev.Rename(l.d, "b7"); err != nil {
			t.Error(err)
		}
	})
	if _, err := tree.Get("net/ipv4/neigh/b7/locktime"); err != nil {
		t.Error(err)
	}
	if _, err := tree.Get("net/ipv4/neigh/a0/locktime"); err == nil {
		t.Error("the old name is there")
	}
	l.locked(func() { dev.Unregister(l.d) })
	if _, err := tree.Stat("net/ipv4/neigh/b7"); err == nil {
		t.Error("the directory outlives the device")
	}
}

func TestMovedDeviceLeavesNothing(t *testing.T) {
	l := newLab(t)
	to, err := netns.New(l.k, skb.Pernet(), sysctl.Pernet(), procfs.Pernet(), netlink.Pernet(), rtnl.Pernet(),
		dev.Pernet(), neigh.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(to.Close)
	l.fill(ip1, 3, uapi.NUD_PERMANENT)
	unlock := netns.LockAll(l.n, to)
	err = dev.Move(l.d, to, "", 0)
	unlock()
	if err != nil || l.tbl.Len() != 0 {
		t.Errorf("%v, %d entries left", err, l.tbl.Len())
	}
	if _, err := sysctl.Of(l.n).Stat("net/ipv4/neigh/a0"); err == nil {
		t.Error("its settings stay")
	}
	if _, err := sysctl.Of(to).Get("net/ipv4/neigh/a0/locktime"); err != nil {
		t.Error("it has no settings where it is now")
	}
}

func TestTableDumpNeedsNoDevice(t *testing.T) {
	l := newLab(t)
	l.locked(func() { dev.Unregister(l.d) })
	m := netlink.NewMsg(uapi.RTM_GETNEIGHTBL, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Put([]byte{uapi.AF_UNSPEC, 0, 0, 0})
	if answers, failed := l.ask(l.open(), m); len(answers) != 2 || failed != "" {
		t.Errorf("%d answers, %q", len(answers), failed)
	}
}

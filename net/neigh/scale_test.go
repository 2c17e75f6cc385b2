package neigh_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"linen/kern"
	"linen/net/neigh"
	"linen/net/netlink"
	"linen/net/skb"
	"linen/uapi"
)

func TestOutputDoesNotAllocate(t *testing.T) {
	l := newLab(t)
	l.tbl.SetOps(neigh.Ops{})
	l.hear(ip1, macA, uapi.NUD_REACHABLE, neigh.Override)
	payload := make([]byte, 64)
	n := testing.AllocsPerRun(100, func() {
		c := l.k.Enter(kern.Any)
		nb := l.tbl.Lookup4(c, l.d, ip1)
		for range 32 {
			b := skb.From(c, payload)
			b.Dev, b.Protocol = l.d, uapi.ETH_P_IP
			b.SetNetworkHeader(0)
			nb.Output(c, b)
		}
		c.Exit()
		l.frames = l.frames[:0]
	})
	// The lab copies each frame: that is its one allocation.
	if n > 33 {
		t.Errorf("%v allocations for 32 packets", n)
	}
}

// TestReadersDuringGrowth has readers look up, without locks, what a writer
// adds and removes; the race detector watches.
func TestReadersDuringGrowth(t *testing.T) {
	l := newLab(t)
	const n = 4096
	var stop atomic.Bool
	var wg sync.WaitGroup
	l.fill(ip1, 1, uapi.NUD_PERMANENT)
	for range 2 {
		wg.Go(func() {
			for i := uint32(0); !stop.Load(); i++ {
				if nb := l.tbl.Find(l.d, neigh.Key4(ip1)); nb == nil {
					t.Error("an entry was missed while the table grew")
					return
				}
				if nb := l.tbl.Find(l.d, neigh.Key4(ip1+i%n)); nb != nil && nb.IP4() != ip1+i%n {
					t.Error("the wrong entry")
					return
				}
				if i%512 == 0 {
					seen := 0
					l.tbl.Each(func(*neigh.Neigh) bool { seen++; return true })
				}
			}
		})
	}
	l.fill(ip1+1, n, uapi.NUD_PERMANENT)
	for i := range uint32(n) {
		if nb := l.get(ip1 + 1 + i); nb == nil || !l.tbl.Remove(nb) {
			t.Errorf("entry %d is not there", i)
		}
	}
	stop.Store(true)
	wg.Wait()
	if l.tbl.Len() != 1 {
		t.Errorf("%d entries left", l.tbl.Len())
	}
}

// BenchmarkLookup finds one of 65536 entries: what every packet costs.
func BenchmarkLookup(b *testing.B) {
	l := newLab(b)
	l.fill(ip1, 1<<16, uapi.NUD_PERMANENT)
	c := l.k.Enter(kern.Any)
	defer c.Exit()
	i := uint32(0)
	for b.Loop() {
		i = i*1664525 + 1013904223
		if l.tbl.Lookup4(c, l.d, ip1+i>>16) == nil {
			b.Fatal("missed")
		}
	}
}

// BenchmarkAdd makes permanent entries by netlink, 65536 to a table.
func BenchmarkAdd(b *testing.B) {
	l := newLab(b)
	p := l.open()
	i := uint32(0)
	for b.Loop() {
		i++
		m := l.newNeigh(uapi.NLM_F_CREATE, ip1+i&0xffff, macA, uapi.NUD_PERMANENT, 0, 0)
		if _, err := p.Send(m.Bytes(), &netlink.Addr{}, netlink.RootCreds(1)); err != nil {
			b.Fatal(err)
		}
		p.Recv(1<<16, false)
		if i&0xffff == 0 {
			b.StopTimer()
			l.tbl.FlushDevice(l.d, false)
			b.StartTimer()
		}
	}
}

// BenchmarkDump dumps 65536 entries.
func BenchmarkDump(b *testing.B) {
	l := newLab(b)
	l.fill(ip1, 1<<16, uapi.NUD_PERMANENT)
	p := l.open()
	m := netlink.NewMsg(uapi.RTM_GETNEIGH, uapi.NLM_F_REQUEST|uapi.NLM_F_DUMP)
	m.Put((&uapi.NdMsg{Family: uapi.AF_INET}).Append(nil))
	for b.Loop() {
		if _, err := p.Send(m.Bytes(), &netlink.Addr{}, netlink.RootCreds(1)); err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := p.Recv(1<<16, false); err != nil {
				break
			}
		}
	}
}

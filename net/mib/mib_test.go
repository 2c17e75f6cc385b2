package mib_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"linen/kern"
	"linen/net/mib"
	"linen/net/netns"
)

func newNet(t *testing.T, cpus int) *netns.Net {
	t.Helper()
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1, CPUs: cpus})
	n, err := netns.New(k, mib.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	return n
}

// TestFormat compares the files of an idle namespace with those of Linux 6.18,
// recorded in testdata.
func TestFormat(t *testing.T) {
	table := mib.Of(newNet(t, 1))
	var snmp, netstat bytes.Buffer
	table.WriteSNMP(&snmp, false, 64)
	table.WriteNetstat(&netstat)
	for name, got := range map[string]string{"snmp": snmp.String(), "netstat": netstat.String()} {
		want, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestCounting(t *testing.T) {
	n := newNet(t, 2)
	k, table := n.Kernel(), mib.Of(n)
	for id := range 2 {
		c := k.EnterCPU(id)
		mib.Inc(c, n, mib.IPInReceives)
		table.Add(c, mib.IPExtInOctets, 1000)
		mib.Add(c, n, mib.TCPCurrEstab, 2)
		table.Inc(c, mib.TCPExtTCPAODroppedIcmps)
		c.Exit()
	}
	c := k.EnterCPU(0)
	mib.Add(c, n, mib.TCPCurrEstab, ^uint64(0)) // one connection less
	c.Exit()
	v := table.Read()
	if v[mib.IPInReceives] != 2 || v[mib.IPExtInOctets] != 2000 || v[mib.TCPCurrEstab] != 3 || v[mib.TCPExtTCPAODroppedIcmps] != 2 {
		t.Errorf("%d %d %d", v[mib.IPInReceives], v[mib.IPExtInOctets], v[mib.TCPCurrEstab])
	}
	var w bytes.Buffer
	table.WriteSNMP(&w, true, 63)
	if !strings.Contains(w.String(), "\nIp: 1 63 2 0") {
		t.Errorf("%s", w.String())
	}
}

func TestICMPMessages(t *testing.T) {
	table := mib.Of(newNet(t, 1))
	table.ICMPMsg(mib.In, 8)
	table.ICMPMsg(mib.In, 255)
	table.ICMPMsg(mib.Out, 0)
	table.ICMPMsg(mib.Out, 0)
	var w bytes.Buffer
	table.WriteSNMP(&w, false, 64)
	want := "\nIcmpMsg: InType8 InType255 OutType0\nIcmpMsg: 1 1 2\nTcp:"
	if !strings.Contains(w.String(), want) {
		t.Errorf("%s", w.String())
	}
}

func TestCountingDoesNotAllocate(t *testing.T) {
	n := newNet(t, 1)
	c := n.Kernel().EnterCPU(0)
	defer c.Exit()
	if a := testing.AllocsPerRun(100, func() { mib.Inc(c, n, mib.IPInReceives) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

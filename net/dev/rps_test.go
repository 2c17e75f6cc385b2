package dev_test

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"linen/drivers/net/testlink"
	"linen/kern"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// steered is a device on four CPUs whose frames are steered by rps_cpus.
func steered(t *testing.T, mask string, got func(c *kern.CPU, b *skb.Buff)) (*netns.Net, *dev.Device) {
	k := kern.New(kern.Config{CPUs: 4, Seed: 1})
	t.Cleanup(k.Close)
	n := newNet(t, k)
	p, err := testlink.NewPort(n, "eth0", nil)
	must(t, err)
	locked(n, func() {
		must(t, dev.SetAddr(p.Dev, ourMAC[:]))
		must(t, dev.Open(p.Dev))
	})
	dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { got(c, b) }})
	must(t, writeRPS(n, mask))
	return n, p.Dev
}

func writeRPS(n *netns.Net, mask string) error {
	return dev.Sysfs(n).WriteFile(rpsCPUs, []byte(mask+"\n"))
}

// rpsCPUs is the file with the mask of eth0's queue.
const rpsCPUs = "devices/virtual/net/eth0/queues/rx-0/rps_cpus"

// numbered is frame number i of a flow: the number is in the identification and
// the sequence number.
func numbered(t testing.TB, flow, i int) []byte {
	return parseFrames(t, fmt.Sprintf("tcp len=1 sport=%d seq=%d id=%d", 1000+flow, i, i))[0]
}

// TestSteeringKeepsFlowsInOrder: each flow has one CPU and its order, and many
// flows have many.
func TestSteeringKeepsFlowsInOrder(t *testing.T) { // Documentation/networking/scaling.rst; spec 1.25
	for _, flows := range []int{1, 64} {
		const rounds = 40
		var mu sync.Mutex
		last, on, cpus, total := map[uint16]uint32{}, map[uint16]int{}, map[int]bool{}, 0
		_, d := steered(t, "f", func(c *kern.CPU, b *skb.Buff) {
			sport, seq := binary.BigEndian.Uint16(b.Data()[20:]), binary.BigEndian.Uint32(b.Data()[24:])
			mu.Lock()
			if total++; last[sport] != seq {
				t.Errorf("flow %d: number %d, want %d", sport, seq, last[sport])
			}
			if cpu, ok := on[sport]; ok && cpu != c.ID() {
				t.Errorf("flow %d: on CPU %d and %d", sport, cpu, c.ID())
			}
			last[sport], on[sport], cpus[c.ID()] = seq+1, c.ID(), true
			mu.Unlock()
			b.Consume(c)
		})
		for i := range rounds {
			c := d.Kernel().EnterCPU(0)
			for flow := range flows {
				b := skb.From(c, numbered(t, flow, i))
				if ethernet.TypeTrans(c, b, d) {
					dev.Rx(c, d, b)
				}
			}
			c.Exit()
		}
		for done := false; !done; runtime.Gosched() { // the other CPUs run by themselves
			mu.Lock()
			done = total == rounds*flows
			mu.Unlock()
		}
		if want := min(flows, 4); len(cpus) != want {
			t.Errorf("%d flows on %d CPUs, want %d", flows, len(cpus), want)
		}
	}
}

// TestRPSMask holds what 6.18 takes, on four CPUs.
func TestRPSMask(t *testing.T) { // /sys/class/net/*/queues/rx-*/rps_cpus
	n, _ := steered(t, "0", func(c *kern.CPU, b *skb.Buff) { b.Consume(c) })
	f, err := dev.Sysfs(n).Walk(rpsCPUs, true)
	must(t, err)
	for _, c := range []struct {
		text string
		want error
		now  string
	}{
		{"3", nil, "3"}, {"1f", errno.EOVERFLOW, "3"}, {"10", errno.EOVERFLOW, "3"}, {"1,00000001", errno.EOVERFLOW, "3"}, {"zz", errno.EINVAL, "3"},
		{"0x3", errno.EINVAL, "3"}, {"-1", errno.EINVAL, "3"}, {" f", nil, "f"}, {"3,", nil, "3"}, {"00000002", nil, "2"}, {"", nil, "0"},
	} {
		if err := f.Write([]byte(c.text)); err != c.want && (err != nil || c.want != nil) {
			t.Errorf("%q: %v, want %v", c.text, err, c.want)
		}
		if got := string(f.Read()); got != c.now+"\n" {
			t.Errorf("after %q: %q, want %q", c.text, got, c.now)
		}
	}
}

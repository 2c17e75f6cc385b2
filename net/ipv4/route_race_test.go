package ipv4_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"linen/kern"
	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/sysctl"
	"linen/uapi/errno"
)

// TestLookupsDuringChanges: a lookup sees the old route or the new one, never
// neither, while a replaced route, other prefixes and addresses change.
func TestLookupsDuringChanges(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add 8.0.0.0/8 via 10.1.0.1")
	sysctl.Of(n).Set("net/ipv4/ip_forward", "1")
	var stop sync.WaitGroup
	done := make(chan struct{})
	stop.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			onCPU(n, func(c *kern.CPU) {
				f := ipv4.Flow{Daddr: num("8.8.8.8")}
				rt, err := ipv4.RouteOutput(c, n, &f)
				if err != nil {
					t.Errorf("own packet: %v", err)
				} else if gw := rt.Gateway; gw != num("10.1.0.1") && gw != num("10.1.0.7") {
					t.Errorf("gateway %x", gw)
				}
				if _, reason := input(c, n, "a0", "10.1.0.9", "8.8.8.8"); reason != 0 {
					t.Errorf("received packet: %v", reason)
				}
			})
		}
	})
	i := newIP(t, n)
	for round := range 100 {
		i.run("route replace 8.0.0.0/8 via 10.1.0.7")
		i.run(fmt.Sprintf("route add 8.%d.0.0/16 via 10.1.0.7", round))
		i.run("addr add 10.2.0.1/24 dev a0")
		i.run("route replace 8.0.0.0/8 via 10.1.0.1")
		i.run(fmt.Sprintf("route del 8.%d.0.0/16", round))
		i.run("addr del 10.2.0.1/24 dev a0")
		i.run("rule add pref 5 from 1.1.1.1 table 7")
		i.run("rule del pref 5")
	}
	close(done)
	stop.Wait()
}

// TestDeviceGoesWithItsRoutes: nothing leads to a device that was
// unregistered, and programs that ask are told so.
func TestDeviceGoesWithItsRoutes(t *testing.T) {
	_, n := newHost(t)
	script(t, n, "addr add 10.1.0.2/24 dev a0", "route add default via 10.1.0.1")
	d := dev.ByName(n, "a0")
	unlock := dev.LockWith(d)
	dev.Unregister(d)
	unlock()
	f := ipv4.Flow{Daddr: num("8.8.8.8")}
	if rt, err := ipv4.RouteOutput(nil, n, &f); err != errno.ENETUNREACH {
		t.Errorf("route %+v, error %v, want ENETUNREACH", rt, err)
	}
	if got := newIP(t, n).run("route show table all"); strings.Contains(got, "10.1.0") {
		t.Errorf("routes left:\n%s", got)
	}
	if ipv4.IsLocal(n, num("10.1.0.2")) {
		t.Error("its address is still ours")
	}
}

package ipv4_test

import (
	"testing"

	"linen/net/ipv4"
)

// TestConfCombination: how a setting of a device and that of "all" make one
// (Documentation/networking/ip-sysctl.rst).
func TestConfCombination(t *testing.T) {
	const (
		or = iota
		and
		highest
		own // "all" does not matter
	)
	flag := func(f func(*ipv4.InDevice) bool) func(*ipv4.InDevice) int {
		return func(in *ipv4.InDevice) int {
			if f(in) {
				return 1
			}
			return 0
		}
	}
	w := newWorld(t)
	in := ipv4.InDev(device(w.b, "b0"))
	for _, c := range []struct {
		name string
		get  func(*ipv4.InDevice) int
		how  int
	}{
		{"send_redirects", flag((*ipv4.InDevice).SendRedirects), or},
		{"secure_redirects", flag((*ipv4.InDevice).SecureRedirects), or},
		{"shared_media", flag((*ipv4.InDevice).SharedMedia), or},
		{"log_martians", flag((*ipv4.InDevice).LogMartians), or},
		{"proxy_arp", flag((*ipv4.InDevice).ProxyARP), or},
		{"arp_filter", flag((*ipv4.InDevice).ARPFilter), or},
		{"arp_notify", flag((*ipv4.InDevice).ARPNotify), or},
		{"accept_local", flag((*ipv4.InDevice).AcceptLocal), or},
		{"route_localnet", flag((*ipv4.InDevice).RouteLocalnet), or},
		{"src_valid_mark", flag((*ipv4.InDevice).SrcValidMark), or},
		{"drop_gratuitous_arp", flag((*ipv4.InDevice).DropGratuitousARP), or},
		{"drop_unicast_in_l2_multicast", flag((*ipv4.InDevice).DropUnicastInL2Multicast), or},
		{"ignore_routes_with_linkdown", flag((*ipv4.InDevice).IgnoresLinkdown), or},
		{"accept_redirects", flag((*ipv4.InDevice).AcceptRedirects), or}, // of a host
		{"accept_source_route", flag((*ipv4.InDevice).AcceptSourceRoute), and},
		{"bc_forwarding", flag((*ipv4.InDevice).BcForwarding), and},
		{"arp_evict_nocarrier", flag((*ipv4.InDevice).ARPEvictNocarrier), and},
		{"rp_filter", (*ipv4.InDevice).RPFilter, highest},
		{"arp_ignore", (*ipv4.InDevice).ARPIgnore, highest},
		{"arp_announce", (*ipv4.InDevice).ARPAnnounce, highest},
		{"arp_accept", (*ipv4.InDevice).ARPAccept, highest},
		{"proxy_arp_pvlan", flag((*ipv4.InDevice).ProxyARPPvlan), own},
		{"medium_id", (*ipv4.InDevice).MediumID, own},
		{"forwarding", flag((*ipv4.InDevice).Forwarding), own}, // a write to "all" sets every device's
	} {
		for _, all := range []int{0, 1} {
			for _, d := range []int{0, 1} {
				w.set(w.b, "net/ipv4/conf/all/"+c.name, string(rune('0'+all)))
				w.set(w.b, "net/ipv4/conf/b0/"+c.name, string(rune('0'+d)))
				want := [...]int{or: all | d, and: all & d, highest: max(all, d), own: d}[c.how]
				if got := c.get(in); got != want {
					t.Errorf("%s: all %d, b0 %d: %d, want %d", c.name, all, d, got, want)
				}
			}
		}
	}
	w.set(w.b, "net/ipv4/conf/all/forwarding", "1")
	w.set(w.b, "net/ipv4/conf/all/accept_redirects", "0") // of a router: both
	w.set(w.b, "net/ipv4/conf/b0/accept_redirects", "1")
	if in.AcceptRedirects() {
		t.Error("a router believes redirects that conf/all forbids")
	}
}

// TestAdvMSS: what TCP announces is the route's advmss, else what fits the MTU,
// but no less than net.ipv4.route.min_adv_mss.
func TestAdvMSS(t *testing.T) {
	for _, c := range []struct {
		name, floor, route string
		mtu, want          int
	}{
		{"fits the MTU", "256", "", 1500, 1460},
		{"small MTU", "256", "", 600, 560},
		{"below the floor", "700", "", 600, 700},
		{"the default floor", "256", "", 200, 256},
		{"the route's", "700", " advmss 400", 1500, 400},
	} {
		w := newWorld(t)
		w.set(w.a, "net/ipv4/route/min_adv_mss", c.floor)
		w.ip(w.a, "route add 10.0.1.0/24 via 10.0.0.2"+c.route)
		w.mtu(device(w.a, "a0"), c.mtu)
		if got := w.way(addrB).AdvMSS(); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

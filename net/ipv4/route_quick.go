package ipv4

import "linen/uapi"

// quickForward is routeInput for the packet that a router sees most: unicast
// between two devices, under the default rules, by a route with one next hop
// whose packet route is made already, with a source that the reverse path
// filter takes. It decides what routeInput would, or nothing: nil.
func (st *state) quickForward(in *InDevice, daddr, saddr uint32) *Route {
	if st.rules.Load() != nil || st.realms.Load() != nil || st.n.Tracing.Load() || !in.Forwarding() || !isPlain(daddr) || !isPlain(saddr) {
		return nil
	}
	local, main := st.local.Load(), st.main.Load()
	if local == nil || main == nil || !local.none(daddr) {
		return nil
	}
	nh := main.quickHop(daddr)
	if nh == nil || nh.dev == in.dev || nh.learned.Load() != nil {
		return nil
	}
	if in.RPFilter() == 0 {
		if st.split.Load() || st.customLocal.Load() || st.addrs.get(saddr) != nil {
			return nil
		}
	} else if back := main.quickHop(saddr); back == nil || back.dev != in.dev || !local.none(saddr) {
		return nil
	}
	if rt := nh.in.Load(); rt != nil && rt.gen == st.gen.Load() {
		return rt
	}
	return nil
}

// isPlain reports whether a is of 1.0.0.0 to 223.255.255.255 and no loopback
// address: what no rule about special addresses looks at.
func isPlain(a uint32) bool { return a-1<<24 < 0xdf<<24 && a>>24 != 127 }

// quickHop returns the next hop for addr if that takes no choice: the first
// route of the longest prefix is a unicast route for every TOS, with one next
// hop, which is alive.
func (t *table) quickHop(addr uint32) *nextHop {
	a := t.prefixes.Best(addr)
	if a == nil || a.tos != 0 {
		return nil
	}
	fi := a.info
	if fi.typ != uapi.RTN_UNICAST || fi.dead.Load() {
		return nil
	}
	hops := fi.hops()
	if len(hops) != 1 || fi.blackholed() {
		return nil
	}
	if nh := hops[0]; nh.flags.Load() == 0 {
		return nh
	}
	return nil
}

package ipv4

import (
	"linen/kern"
	"linen/lib/siphash"
	"linen/net/dev"
	"linen/net/inetfrag"
	"linen/net/inetpeer"
	"linen/net/mib"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/netns"
	"linen/net/skb"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// pathState is what the data path of a namespace holds.
type pathState struct {
	upcalls
	mib    *mib.Table
	neighs *neigh.Table
	hooks  *netfilter.Points
	after  continuations
	set    pathSettings
	frags  *inetfrag.Table[fragKey]
	peers  *inetpeer.Base
	ids    idGenerators
	icmp   icmpState
	igmp   igmpState
	rmPt   func() // of the packet type
}

// continuations name what follows each hook point.
type continuations struct {
	preRouting, localIn, forward, localOut, postRouting, loop netfilter.Continuation
}

// Notes in skb.IPControl.Flags (IPSKB_*); SKBDoRedirect is another.
const (
	SKBForwarded    = 1 << 0 // it came from another host
	SKBFragComplete = 1 << 3 // it is a fragment that this host made
	SKBRerouted     = 1 << 4 // it has passed POSTROUTING
	SKBFragPMTU     = 1 << 6 // reassembled from fragments with DF
	SKBMultipath    = 1 << 8 // its way was chosen among several
)

// pathSettings are the sysctls of the data path.
type pathSettings struct {
	ttl, noPMTU, nonlocal, earlyDemux, tcpDemux, udpDemux *sysctl.Int
	fwdPriority, fwdPMTU, fwmarkReflect                   *sysctl.Int
	fragHigh, fragLow, fragTime, fragDist                 *sysctl.Int
}

// initData wires the data path: routes lead to its functions, hook points to
// their continuations, ETH_P_IP to ipRcv.
func (st *state) initData() error {
	p, n := &st.path, st.n
	p.mib = mib.Of(n)
	p.neighs = neigh.Of(n).V4
	p.hooks = netfilter.PointsOf(n)
	p.initSettings(sysctl.Of(n))
	p.peers = inetpeer.New(n.Kernel())
	p.frags = st.newFrags()
	p.ids.init(n.Kernel())
	st.data.deliver, st.data.forward, st.data.output, st.data.mcOutput = localDeliver, ipForward, ipOutput, mcOutput
	st.data.inputError = ipError
	p.after = continuations{
		preRouting:  p.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { rcvFinish(c, b, of(s.Net)) }),
		localIn:     p.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { deliverFinish(c, b, of(s.Net)) }),
		forward:     p.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { forwardFinish(c, b, of(s.Net)) }),
		localOut:    p.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { showInVRF(c, b); b.Dst.Output(c, b) }),
		postRouting: p.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { finishOutput(c, b, of(s.Net)) }),
		loop:        p.hooks.Continue(func(c *kern.CPU, b *skb.Buff, s netfilter.State) { loopBack(c, b) }),
	}
	if err := st.initICMP(); err != nil {
		return err
	}
	if err := st.initIGMP(); err != nil {
		return err
	}
	st.initPathProc()
	p.rmPt = dev.AddPacketType(n, &dev.PacketType{Proto: uapi.ETH_P_IP, Name: "ip_rcv", Recv: ipRcv})
	return nil
}

// exitData undoes initData.
func (st *state) exitData() {
	st.path.rmPt()
	st.exitIGMP()
	st.path.frags.Close()
	st.path.peers.Close()
}

// initSettings makes the files of net/ipv4 that the data path reads.
func (p *pathState) initSettings(t *sysctl.Tree) {
	b := func(name string, def int64) *sysctl.Int {
		return t.IntIn("net/ipv4", name, sysctl.Spec{Default: def, Unit: sysctl.Byte})
	}
	s := &p.set
	s.ttl = t.Int("net/ipv4/ip_default_ttl", sysctl.Spec{Default: 64, Ranged: true, Min: 1, Max: 255, Unit: sysctl.Byte})
	s.noPMTU = b("ip_no_pmtu_disc", 0)
	s.nonlocal = b("ip_nonlocal_bind", 0)
	s.earlyDemux = b("ip_early_demux", 1)
	s.tcpDemux = b("tcp_early_demux", 1)
	s.udpDemux = b("udp_early_demux", 1)
	s.fwdPriority = t.Int("net/ipv4/ip_forward_update_priority", sysctl.Spec{Default: 1, Ranged: true, Max: 1, Unit: sysctl.Byte})
	s.fwdPMTU = b("ip_forward_use_pmtu", 0)
	s.fwmarkReflect = b("fwmark_reflect", 0)
	b("ip_dynaddr", 0)
	ordered := func(_, _ int64) error { // low is never above high
		if s.fragLow.Load() > s.fragHigh.Load() {
			return errno.EINVAL
		}
		return nil
	}
	s.fragHigh = t.Int("net/ipv4/ipfrag_high_thresh", sysctl.Spec{Default: 4 << 20, Unit: sysctl.Long, OnWrite: ordered})
	s.fragLow = t.Int("net/ipv4/ipfrag_low_thresh", sysctl.Spec{Default: 3 << 20, Unit: sysctl.Long, OnWrite: ordered})
	s.fragTime = t.Int("net/ipv4/ipfrag_time", sysctl.Spec{Default: 30_000, Unit: sysctl.Seconds})
	s.fragDist = t.Int("net/ipv4/ipfrag_max_dist", sysctl.Spec{Default: 64, Ranged: true, Max: 1<<31 - 1})
}

// newKey returns a random key for siphash.
func newKey(k *kern.Kernel) siphash.Key {
	var raw [16]byte
	k.Read(raw[:]) // never fails
	return siphash.KeyFrom(raw)
}

// NoPMTUDisc returns net.ipv4.ip_no_pmtu_disc: 0 is path MTU discovery for new
// sockets; 1 to 3 are IP_PMTUDISC_DONT, and limit what ICMP is believed.
func NoPMTUDisc(n *netns.Net) int { return int(of(n).path.set.noPMTU.Load()) }

// NonlocalBind reports whether sockets may bind to addresses that are not ours
// (net.ipv4.ip_nonlocal_bind).
func NonlocalBind(n *netns.Net) bool { return of(n).path.set.nonlocal.Bool() }

// DefaultTTLOf returns net.ipv4.ip_default_ttl.
func DefaultTTLOf(n *netns.Net) int { return int(of(n).path.set.ttl.Load()) }

package tcp

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"linen/lib/siphash"
	"linen/net/inet"
	"linen/net/mib"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/sock"
	"linen/net/sysctl"
	"linen/net/tcp/internal/tcb"
	"linen/uapi"
)

// State is a namespace's TCP.
type State struct {
	n    *netns.Net
	inet *inet.State
	mib  *mib.Table
	base sock.Proto
	sys  sysctls
	set  atomic.Pointer[tcb.Settings]
	tune tcb.Tunables // of sockets without options of their own
	// quick is of those with nothing but TCP_NODELAY.
	quick tcb.Tunables

	bind      sync.Mutex // of choosing ports and of inserting connections
	ports     inet.Table[*binding]
	conns     inet.Table[*node]
	listeners inet.Table[*Sock]
	waits     atomic.Int64 // in TIME_WAIT
	secret    siphash.Key
	offset    atomic.Uint32
	metrics   metricsCache
	// mibCookies counts cookies sent: without any, none is looked for.
	mibCookies atomic.Int64
	fastKeys   atomic.Pointer[fastKeys] // nil before the first use
	fastPeers  fastCache
	signer     signer
	mem        *memory // the machine's
	challenges challenges
}

var key = netns.NewKey[State]("tcp")

// Of returns n's TCP.
func Of(n *netns.Net) *State { return key.Of(n) }

// Pernet makes a namespace's TCP.
func Pernet() netns.Subsys { return netns.Bind(key, initNet, exitNet) }

func initNet(n *netns.Net) (*State, error) {
	st := &State{n: n, inet: inet.Of(n), mib: mib.Of(n), tune: tcb.Tunables{RcvLowat: 1}, quick: tcb.Tunables{RcvLowat: 1, NoDelay: true}}
	st.mem = new(memory)
	if first := Of(n.First()); first != nil {
		st.mem = first.mem
	}
	st.secret = siphash.Key{n.Kernel().Uint64(), n.Kernel().Uint64()}
	st.base = sock.Proto{
		Name: "TCP", Size: 2432, Memory: st.pages, Pressure: st.mem.pressed.Load,
		MaxHeader: 320, Has: "yyyyyyyyyyyyynyyyyy", Backlog: backlog, NeedRelease: needRelease, Release: release, PeekOff: true,
	}
	st.base.Sockstat, st.base.Hashed = st.sockstat, st.hashed
	st.sys.register(st, sysctl.Of(n))
	st.inherit(n.First())
	st.registerTables(n, sysctl.Of(n))
	st.registerFast(sysctl.Of(n))
	if t := sysctl.Of(n); !t.Child() {
		st.mem.register(t)
	}
	st.base.Queued = func(s *sock.Sock) int64 { return s.Self().(*Sock).queued() }
	sock.AddProto(n, &st.base)
	inet.RegisterProto(n, &inet.ProtoSW{Type: uapi.SOCK_STREAM, Protocol: uapi.IPPROTO_TCP, Create: st.create})
	procfs.Of(n).File("tcp", st.show)
	st.registerDiag()
	if err := st.registerMetrics(); err != nil {
		return nil, err
	}
	if err := st.inet.IP.AddProtocol(n, uapi.IPPROTO_TCP, st.receive, st.fail); err != nil {
		return nil, err
	}
	if f := st.inet.IP.SetCongestion; f != nil {
		f(n, func(name string) bool { return slices.Contains(tcb.Algorithms(), name) })
	}
	if f := st.inet.IP.SetEarlyDemux; f != nil {
		f(n, uapi.IPPROTO_TCP, st.earlyDemux)
	}
	return st, nil
}

// exitNet forgets what is left: nobody can hear of it.
func exitNet(n *netns.Net, st *State) {
	var left []*node
	st.conns.All(func(v *node) bool { left = append(left, v); return true })
	for _, v := range left {
		switch {
		case v.tw != nil:
			v.tw.timer.Stop()
		case v.req != nil:
			v.req.timer.Stop()
		case v.s != nil:
			v.s.timer.Stop()
		}
	}
}

func (st *State) create(who *sock.Caller, n *netns.Net, protocol int) (sock.Socket, error) {
	return st.newSock(who, protocol), nil
}

func (st *State) newSock(who *sock.Caller, protocol int) *Sock {
	s := &Sock{st: st}
	s.InitInet(who, st.n, s, &st.base, uapi.SOCK_STREAM, protocol)
	s.SetRcvBuf(st.sys.rmem.Load(1))
	s.SetSndBuf(st.sys.wmem.Load(1))
	s.env.s = s
	s.conn = &s.machine
	s.tune = &st.tune
	s.conn.Init(&s.env, st.settings(), s.tune)
	if name := st.sys.congestion.Load(); name != "cubic" {
		s.conn.SetCongestion(name)
	}
	s.timer.InitHandler(st.n.Kernel(), (*sockTimer)(s))
	return s
}

// settings returns the present sysctls as connections want them.
func (st *State) settings() *tcb.Settings {
	if p := st.set.Load(); p != nil {
		return p
	}
	y := &st.sys
	p := &tcb.Settings{
		Timestamps: y.timestamps.Bool(), SACK: y.sack.Bool(), DSACK: y.dsack.Bool(), WindowScaling: y.scaling.Bool(), ECN: int(y.ecn.Load()), ECNFallback: y.ecnFallback.Bool(),
		SynRetries: int(y.synRetries.Load()), SynLinear: int(y.synLinear.Load()), SynackRetries: int(y.synackRetries.Load()), Retries1: int(y.retries1.Load()), Retries2: int(y.retries2.Load()),
		OrphanRetries: int(y.orphanRetries.Load()), FinTimeout: y.finTimeout.Duration(),
		KeepTime: y.keepTime.Duration(), KeepIntvl: y.keepIntvl.Duration(), KeepProbes: int(y.keepProbes.Load()),
		RTOMin: time.Duration(y.rtoMin.Load()) * time.Microsecond, RTOMax: time.Duration(y.rtoMax.Load()) * time.Millisecond,
		Reordering: int(y.reordering.Load()), MaxReordering: int(y.maxReordering.Load()), FRTO: y.frto.Bool(),
		SlowStartAfterIdle: y.idleRestart.Bool(), TLP: y.earlyRetrans.Load() >= 3, RACK: y.recovery.Load()&1 != 0,
		RmemMax:          int(max(y.rmem.Load(2), sock.Of(st.n).Sysctl.RmemMax.Load())),
		InvalidRatelimit: time.Duration(y.invalidLimit.Load()) * time.Millisecond, MinSndMSS: int(y.minSndMSS.Load()),
		MTUProbing: int(y.probe[0].Load()), BaseMSS: int(y.probe[1].Load()), MTUProbeFloor: int(y.probe[2].Load()),
		MTUProbeThreshold: int(y.probe[3].Load()), MTUProbeInterval: time.Duration(y.probe[4].Load()) * time.Second,
	}
	st.sys.rate.fill(p)
	st.sys.more.fill(p)
	st.set.Store(p)
	return p
}

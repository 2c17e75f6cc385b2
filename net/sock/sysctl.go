package sock

import (
	"linen/net/netns"
	"linen/net/sysctl"
)

// Sysctl holds the net.core settings that sockets obey.
type Sysctl struct {
	RmemDefault, WmemDefault *sysctl.Int // bytes
	RmemMax, WmemMax         *sysctl.Int // bytes
	OptmemMax                *sysctl.Int // bytes
	Somaxconn                *sysctl.Int // connections
	TstampAllowData          *sysctl.Int
	BusyRead                 *sysctl.Int // microseconds
	TxRehash                 *sysctl.Int // SO_TXREHASH of new sockets
}

// Smallest buffers, in bytes of truesize (SOCK_MIN_SNDBUF, SOCK_MIN_RCVBUF).
const (
	minSndbuf = 4608
	minRcvbuf = 2304
)

// bufLimit is INT_MAX/2, the largest size that can be doubled.
const bufLimit = 1<<30 - 1

// Pernet makes a namespace's socket layer.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*State, error) {
		st := &State{net: n}
		st.Sysctl.register(sysctl.Of(n))
		registerProc(n, st)
		return st, nil
	}, nil)
}

func (v *Sysctl) register(t *sysctl.Tree) {
	buf := func(name string, def, least int64) *sysctl.Int {
		return t.Int("net/core/"+name, sysctl.Spec{Default: def, Min: least, Max: 1<<31 - 1, Ranged: true, Scope: sysctl.Shown})
	}
	v.RmemDefault = buf("rmem_default", 212992, minRcvbuf)
	v.WmemDefault = buf("wmem_default", 212992, minSndbuf)
	v.RmemMax = buf("rmem_max", 4194304, minRcvbuf) // 6.18; 212992 before
	v.WmemMax = buf("wmem_max", 4194304, minSndbuf)
	v.OptmemMax = t.Int("net/core/optmem_max", sysctl.Spec{Default: 131072, Min: 0, Max: 1<<31 - 1, Ranged: true})
	v.Somaxconn = t.Int("net/core/somaxconn", sysctl.Spec{Default: 4096, Min: 0, Max: 1<<31 - 1, Ranged: true})
	v.TstampAllowData = t.Int("net/core/tstamp_allow_data", sysctl.Spec{Default: 1, Min: 0, Max: 1, Ranged: true})
	v.TxRehash = t.Int("net/core/txrehash", sysctl.Spec{Unit: sysctl.Byte, Default: 1, Max: 1, Ranged: true})
	v.BusyRead = t.Int("net/core/busy_read", sysctl.Spec{Default: 0, Min: 0, Max: 1<<31 - 1, Ranged: true, Scope: sysctl.OfMachine})
}

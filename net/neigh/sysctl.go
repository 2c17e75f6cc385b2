package neigh

import (
	"strconv"
	"strings"

	"linen/net/dev"
	"linen/net/sysctl"
	"linen/uapi/errno"
)

// gcSettings are net.ipv4.neigh.default.gc_*, which the table has as a whole.
type gcSettings struct {
	thresh1, thresh2, thresh3, interval *sysctl.Int
}

// dir is where the parameters of a device, or "default", are.
func (t *Table) dir(name string) string { return t.path + "/" + name }

// initSysctl makes the directory of the defaults, which are the machine's.
func (t *Table) initSysctl() {
	tree := sysctl.Of(t.n)
	if first := key.Of(t.n.First()); first != nil && tree.Child() {
		t.Default = first.table(t.Family).Default
	} else {
		t.Default = t.newParms("default")
	}
	number := func(name string, def int64, u sysctl.Unit) *sysctl.Int {
		s := sysctl.Spec{Default: def, Unit: u, Scope: sysctl.OfMachine}
		if u == sysctl.Plain {
			s.Ranged, s.Max = true, 1<<31-1
		}
		return tree.Int(t.dir("default/"+name), s)
	}
	t.gcSet = gcSettings{
		number("gc_thresh1", gcThresh1, sysctl.Plain), number("gc_thresh2", gcThresh2, sysctl.Plain),
		number("gc_thresh3", gcThresh3, sysctl.Plain), number("gc_interval", gcInterval.Milliseconds(), sysctl.Seconds),
	}
}

// newParms makes a directory with the defaults' defaults and draws a reachable
// time.
func (t *Table) newParms(name string) *Parms {
	p := new(Parms)
	tree := sysctl.Of(t.n)
	p.values = tree.Group(t.dir(name), t.vars, func(field int, _, _ int64) error {
		t.n.Lock()
		defer t.n.Unlock()
		t.parmWritten(p, Parm(field))
		return nil
	})
	tree.Func(t.dir(name)+"/unres_qlen", func() string {
		return strconv.Itoa(p.Int(QueueLenBytes) / packetSize)
	}, func(text string) error {
		v, err := strconv.ParseInt(strings.TrimSpace(text), 0, 32)
		if err != nil || v < 0 || v > (1<<31-1)/packetSize {
			return errno.EINVAL
		}
		t.n.Lock()
		defer t.n.Unlock()
		t.SetParm(p, QueueLenBytes, v*packetSize)
		return nil
	})
	p.draw(t.n.Kernel())
	return p
}

// addParms gives a new device a copy of the defaults.
func (t *Table) addParms(d *dev.Device) {
	p := t.newParms(d.Name())
	for i := range int(NumParms) {
		p.values.Store(i, t.Default.values.Load(i))
	}
	p.draw(t.n.Kernel())
	t.parms.Set(d, p)
}

// dropParms takes a device's parameters away.
func (t *Table) dropParms(d *dev.Device) {
	t.parms.Set(d, nil)
	sysctl.Of(t.n).Remove(t.dir(d.Name()))
}

// ParmsOf returns d's parameters; the defaults for one that has none.
func (t *Table) ParmsOf(d *dev.Device) *Parms {
	if p := t.parms.Of(d); p != nil {
		return p
	}
	return t.Default
}

func (t *Table) parmsList() (list []*Parms) {
	for _, d := range dev.List(t.n) {
		if p := t.parms.Of(d); p != nil {
			list = append(list, p)
		}
	}
	return list
}

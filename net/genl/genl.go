// Package genl is generic netlink: families found by name, their operations,
// policies and groups, and the controller nlctrl.
//
// A package registers its [Family] in a namespace's init; ids and group numbers
// are given in the order of registration, so that namespaces built from one
// list agree on them. Requests of one namespace run one at a time.
//
// Linux files: net/netlink/genetlink.c, net/netlink/policy.c,
// include/net/genetlink.h, include/uapi/linux/genetlink.h. Not done: operations
// split in pre_doit and post_doit, parallel_ops, sockets' private data.
package genl

import (
	"slices"
	"sync"

	"linen/kern"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// HeaderLen is the size of struct genlmsghdr.
const HeaderLen = 4

// A Family is one generic netlink family; Register does not change it.
type Family struct {
	Name    string // at most 15 bytes
	Version uint8
	HdrLen  int            // of the family's own header behind struct genlmsghdr
	Policy  netlink.Policy // of operations without their own; its length says CTRL_ATTR_MAXATTR
	Ops     []Op           // by command
	Groups  []string       // multicast groups by name
}

// An Op is one command of a family.
type Op struct {
	Cmd    uint8
	Flags  uint32         // GENL_ADMIN_PERM, GENL_UNS_ADMIN_PERM
	Policy netlink.Policy // nil: the family's
	// Lax parses a request liberally (GENL_DONT_VALIDATE_STRICT), LaxDump a
	// dump; NoDumpParse does not look at a dump's attributes
	// (GENL_DONT_VALIDATE_DUMP).
	Lax, LaxDump, NoDumpParse bool
	// SplitDone: see rtnl.Handler.
	SplitDone bool
	// Do serves a request, Dump a dump; Start, unless nil, is called when a
	// dump begins, its error answers the request, its result is the first
	// Dump.State.
	Do    func(r *netlink.Request, a netlink.Attrs) error
	Start func(r *netlink.Request, a netlink.Attrs) (state any, err error)
	Dump  netlink.DumpFunc
}

// policy returns what checks the op's attributes.
func (o *Op) policy(f *Family) netlink.Policy {
	if o.Policy != nil {
		return o.Policy
	}
	return f.Policy
}

// A Registered is a family in a namespace.
type Registered struct {
	Family
	n     *netns.Net
	id    uint16
	group int // number of its first multicast group
}

// ID returns the family's id: the type of its messages.
func (f *Registered) ID() uint16 { return f.id }

// Table is a namespace's generic netlink.
type Table struct {
	n    *netns.Net
	cb   sync.Mutex   // one request at a time (genl_mutex)
	mu   sync.RWMutex // the rest
	list []*Registered
	ctrl *Registered
	next uint16 // family id
	last int    // group number given last
}

var key = netns.NewKey[Table]("genl")

// Pernet makes a namespace's generic netlink with nlctrl; netlink.Pernet comes
// before it.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*Table, error) {
		t := &Table{n: n, next: uapi.GENL_START_ALLOC, last: 1} // group 1 is NET_DM's
		netlink.Register(n, uapi.NETLINK_GENERIC, netlink.Proto{Request: t.request, OpenRecv: true, OpenSend: true})
		t.ctrl = &Registered{Family: t.controller(), n: n, id: uapi.GENL_ID_CTRL, group: uapi.GENL_ID_CTRL}
		t.list = []*Registered{t.ctrl}
		return t, nil
	}, nil)
}

// Of returns n's generic netlink.
func Of(n *netns.Net) *Table { return key.Of(n) }

// Register adds f to n and announces it on nlctrl's group. Errors: EEXIST,
// EINVAL for a name that is too long.
func Register(n *netns.Net, f Family) (*Registered, error) {
	if f.Name == "" || len(f.Name) >= uapi.GENL_NAMSIZ {
		return nil, errno.EINVAL
	}
	t := Of(n)
	t.mu.Lock()
	if t.byName(f.Name) != nil {
		t.mu.Unlock()
		return nil, errno.EEXIST
	}
	r := &Registered{Family: f, n: n, id: t.next}
	t.next++
	if len(f.Groups) > 0 {
		r.group = t.groups(len(f.Groups))
		netlink.SetGroups(n, uapi.NETLINK_GENERIC, t.last)
	}
	t.list = append(t.list, r)
	t.mu.Unlock()
	t.announce(uapi.CTRL_CMD_NEWFAMILY, r)
	return r, nil
}

// groups takes count group numbers in a row, past those that Linux keeps for
// nlctrl, VFS_DQUOT and pmcraid. The caller holds mu.
func (t *Table) groups(count int) (first int) {
	first = t.last + 1
	if first <= uapi.GENL_ID_PMCRAID && first+count > uapi.GENL_ID_CTRL {
		first = uapi.GENL_ID_PMCRAID + 1
	}
	t.last = first + count - 1
	return first
}

// Unregister removes the family and announces that.
func (f *Registered) Unregister() {
	t := Of(f.n)
	t.mu.Lock()
	t.list = slices.DeleteFunc(t.list, func(o *Registered) bool { return o == f })
	t.mu.Unlock()
	t.announce(uapi.CTRL_CMD_DELFAMILY, f)
}

// byName returns the family called name, or nil. The caller holds mu.
func (t *Table) byName(name string) *Registered {
	for _, f := range t.list {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// find returns the family of an id or, when id is 0, of a name.
func (t *Table) find(id uint16, name string) *Registered {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if id == 0 {
		return t.byName(name)
	}
	for _, f := range t.list {
		if f.id == id {
			return f
		}
	}
	return nil
}

// Message begins a message of the family: an answer to r, or with nil a
// notification. The family's own header, if any, follows.
func (f *Registered) Message(r *netlink.Request, cmd uint8) *netlink.Msg {
	m := netlink.NewMsg(f.id, 0)
	if r != nil {
		m = r.Message(f.id, 0)
	}
	m.Put([]byte{cmd, f.Version, 0, 0})
	return m
}

// Notify sends m to the family's group of that index in Groups; r and c are
// those of netlink.Notify.
func (f *Registered) Notify(c *kern.CPU, group int, m *netlink.Msg, r *netlink.Request) {
	netlink.Notify(c, f.n, uapi.NETLINK_GENERIC, f.group+group, m, r)
}

// Listening reports whether the group of that index has a reader.
func (f *Registered) Listening(group int) bool {
	return netlink.Listening(f.n, uapi.NETLINK_GENERIC, f.group+group)
}

// request dispatches one message (genl_rcv_msg).
func (t *Table) request(r *netlink.Request) error {
	f := t.find(r.Type, "")
	if r.Type == 0 || f == nil {
		return errno.ENOENT
	}
	hdrlen := HeaderLen + f.HdrLen
	p := r.Payload()
	if len(p) < hdrlen {
		return errno.EINVAL
	}
	dump := r.Has(uapi.NLM_F_DUMP)
	op := f.op(p[0], dump)
	if op == nil {
		return errno.EOPNOTSUPP
	}
	if op.Flags&(uapi.GENL_ADMIN_PERM|uapi.GENL_UNS_ADMIN_PERM) != 0 && !r.Capable(netlink.CapNetAdmin) {
		return errno.EPERM
	}
	if dump {
		return t.dump(r, op, f, hdrlen)
	}
	a, err := parse(r, hdrlen, op.policy(&f.Family), op.Lax)
	if err != nil {
		return err
	}
	t.cb.Lock()
	defer t.cb.Unlock()
	return op.Do(r, a)
}

// dump starts a dump, whose parts run one at a time with the requests.
func (t *Table) dump(r *netlink.Request, op *Op, f *Registered, hdrlen int) error {
	var a netlink.Attrs
	var state any
	var err error
	if !op.NoDumpParse {
		if a, err = parse(r, hdrlen, op.policy(&f.Family), op.LaxDump); err != nil {
			return err
		}
	}
	if op.Start != nil {
		if state, err = t.start(op, r, a); err != nil {
			return err
		}
	}
	first := true
	return r.StartDump(func(d *netlink.Dump) error {
		if first {
			first, d.State = false, state
		}
		t.cb.Lock()
		defer t.cb.Unlock()
		return op.Dump(d)
	}, op.SplitDone)
}

// start calls the op's Start. The lock is released before the first page, whose
// Port may be waiting for it with a page of another dump.
func (t *Table) start(op *Op, r *netlink.Request, a netlink.Attrs) (any, error) {
	t.cb.Lock()
	defer t.cb.Unlock()
	return op.Start(r, a)
}

func parse(r *netlink.Request, hdrlen int, p netlink.Policy, lax bool) (netlink.Attrs, error) {
	if p == nil {
		return netlink.Attrs{}, nil
	}
	mode := netlink.Full
	if lax {
		mode = netlink.Liberal
	}
	return r.Parse(hdrlen, p, mode)
}

// op returns the family's operation cmd that can do, or dump, or nil.
func (f *Family) op(cmd uint8, dump bool) *Op {
	for i := range f.Ops {
		o := &f.Ops[i]
		if o.Cmd == cmd && (dump && o.Dump != nil || !dump && o.Do != nil) {
			return o
		}
	}
	return nil
}

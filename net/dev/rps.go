package dev

import (
	"encoding/binary"
	"strconv"
	"strings"
	"sync"

	"linen/kern"
	"linen/net/skb"
	"linen/uapi"
	"linen/uapi/errno"
)

// Receive packet steering (Documentation/networking/scaling.rst): frames that
// come in by a queue with rps_cpus go to the virtual CPU that the hash of their
// flow chooses, so that one flow stays in order. It is off by default: a flow
// that stays where it entered is cheaper by far.

// steering is the CPUs of one receive queue; nil: frames stay.
type steering struct {
	mask uint64
	cpus []*inbox
}

// inbox is what other CPUs have steered to one.
type inbox struct {
	cpu  *kern.CPU
	napi kern.NAPI
	mu   sync.Mutex
	list []*skb.Buff
	take []*skb.Buff // the CPU's own, while it works the list off
}

// inboxes are a Kernel's, by CPU.
type inboxes struct {
	secret uint64
	all    []*inbox
}

var inboxKey = kern.NewKey[inboxes]()

func inboxesOf(k *kern.Kernel) *inboxes {
	return inboxKey.Of(k, func(k *kern.Kernel) *inboxes {
		s := &inboxes{secret: k.Uint64()}
		for i := range k.NumCPU() {
			in := &inbox{cpu: k.CPU(i)}
			in.napi.Poll = in.poll
			s.all = append(s.all, in)
		}
		return s
	})
}

// steer hands b to another CPU if the queue says so, and reports whether it
// took b, which may have been dropped.
func (d *Device) steer(c *kern.CPU, b *skb.Buff) (taken bool) {
	s := (*d.rps.Load())[c.ID()%d.rxQueues()]
	if s == nil {
		return false
	}
	if b.Hash == 0 {
		b.Hash = flowHash(b, inboxesOf(d.k).secret)
	}
	in := s.cpus[uint64(b.Hash)*uint64(len(s.cpus))>>32]
	if in.cpu == c {
		return false
	}
	in.mu.Lock()
	if len(in.list) >= d.home.Load().maxBacklog() {
		in.mu.Unlock()
		softnetOf(c).dropped++
		d.Stats.At(c).RxDropped++
		b.Drop(c, d.Net(), skb.ReasonCpuBacklog)
		return true
	}
	in.list = append(in.list, b)
	first := len(in.list) == 1
	in.mu.Unlock()
	if first {
		c.ScheduleOn(in.cpu, &in.napi)
	}
	return true
}

// poll moves the frames on their own CPU to its backlog.
func (in *inbox) poll(c *kern.CPU, budget int) int {
	s := softnetOf(c)
	in.mu.Lock()
	in.take, in.list = in.list, in.take[:0]
	in.mu.Unlock()
	for i, b := range in.take {
		in.take[i] = nil
		s.push(b)
	}
	if len(in.take) > 0 {
		c.Schedule(&s.napi)
	}
	in.take = in.take[:0]
	return 0
}

// flush drops the frames of a device that has gone. The caller holds the CPU.
func (in *inbox) flush(c *kern.CPU, d *Device) {
	in.mu.Lock()
	defer in.mu.Unlock()
	left := in.list[:0]
	for _, b := range in.list {
		if Of(b) == d {
			b.Drop(c, d.Net(), skb.ReasonDevReady)
			continue
		}
		left = append(left, b)
	}
	clear(in.list[len(left):])
	in.list = left
}

// FlowHash is the same for all packets of a connection that d's driver sends
// by several queues; never 0.
func FlowHash(b *skb.Buff) uint32 {
	off := b.NetworkOff()
	if off < 0 || off > b.HeadLen() {
		off = 0
	}
	return hashFlow(b.Data()[off:], b.Protocol, 0)
}

// flowHash is the same for all packets of a connection, in both directions, and
// never 0 (skb_get_hash). The data begin at the network header.
func flowHash(b *skb.Buff, secret uint64) uint32 {
	return hashFlow(b.Data(), b.Protocol, secret)
}

// hashFlow hashes the addresses and ports of a packet of an EtherType.
func hashFlow(p []byte, protocol uint16, secret uint64) uint32 {
	be := binary.BigEndian
	x, proto, l4 := secret, uint8(0), 0
	switch {
	case protocol == uapi.ETH_P_IP && len(p) >= 20:
		x ^= uint64(be.Uint32(p[12:])) + uint64(be.Uint32(p[16:])) // a sum has no direction
		if be.Uint16(p[6:])&0x3fff == 0 {
			proto, l4 = p[9], int(p[0]&15)*4
		}
	case protocol == uapi.ETH_P_IPV6 && len(p) >= 40:
		x ^= (be.Uint64(p[8:]) + be.Uint64(p[24:])) * 0x9e3779b97f4a7c15
		x ^= be.Uint64(p[16:]) + be.Uint64(p[32:])
		proto, l4 = p[6], 40
	}
	if (proto == uapi.IPPROTO_TCP || proto == uapi.IPPROTO_UDP) && len(p) >= l4+4 {
		x ^= (uint64(be.Uint16(p[l4:])) + uint64(be.Uint16(p[l4+2:])) + 1) * 0xd6e8feb86659fd93
	}
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9 // splitmix64's finisher
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return uint32(x>>32) | 1
}

// rpsMask returns queue q's rps_cpus as sysfs shows it.
func (d *Device) rpsMask(q int) string {
	mask := uint64(0)
	if l := d.rps.Load(); l != nil && (*l)[q] != nil {
		mask = (*l)[q].mask
	}
	digits := (d.k.NumCPU() + 3) / 4
	text := strconv.FormatUint(mask, 16)
	return strings.Repeat("0", max(0, digits-len(text))) + text
}

// setRPS sets queue q's rps_cpus from hexadecimal digits: EINVAL for anything
// else, EOVERFLOW for CPUs that there are not. The caller holds the RTNL.
func (d *Device) setRPS(q int, text string) error {
	mask := uint64(0)
	if text = strings.TrimSpace(text); text != "" {
		v, err := strconv.ParseUint(strings.ReplaceAll(text, ",", ""), 16, 64)
		if err != nil {
			return errno.EINVAL
		}
		mask = v
	}
	in := inboxesOf(d.k)
	if n := len(in.all); n < 64 && mask>>n != 0 {
		return errno.EOVERFLOW
	}
	list := make([]*steering, d.RxQueues)
	if old := d.rps.Load(); old != nil {
		copy(list, *old)
	}
	list[q] = nil
	if mask != 0 {
		s := &steering{mask: mask}
		for i, to := range in.all {
			if mask>>i&1 != 0 {
				s.cpus = append(s.cpus, to)
			}
		}
		list[q] = s
	}
	d.rps.Store(&list)
	for _, s := range list {
		if s != nil {
			return nil
		}
	}
	d.rps.Store(nil)
	return nil
}

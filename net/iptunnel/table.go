package iptunnel

import "slices"

// bucketOf returns where the tunnels to a remote address are; a group is nobody's.
func bucketOf(remote uint32) int {
	if isGroup(remote) {
		remote = 0
	}
	return int(remote * 0x9e3779b1 >> 25) // of numBuckets; Fibonacci hashing
}

// isGroup reports a multicast address.
func isGroup(addr uint32) bool { return addr>>28 == 0xe }

func (st *state) bucketAt(i int) []*tunnel {
	if l := st.buckets[i].Load(); l != nil {
		return *l
	}
	return nil
}

// add makes t known by its addresses; the youngest is found first. The caller
// holds st.mu.
func (st *state) add(t *tunnel) {
	i := bucketOf(t.parms.Load().remote)
	l := slices.Insert(slices.Clone(st.bucketAt(i)), 0, t)
	st.buckets[i].Store(&l)
}

// remove forgets t. The caller holds st.mu.
func (st *state) remove(t *tunnel) {
	i := bucketOf(t.parms.Load().remote)
	l := slices.DeleteFunc(slices.Clone(st.bucketAt(i)), func(o *tunnel) bool { return o == t })
	st.buckets[i].Store(&l)
}

// find returns the tunnel between two addresses by a device, which no two have in
// common, or nil (ip_tunnel_find).
func (st *state) find(p *parms) *tunnel {
	for _, t := range st.bucketAt(bucketOf(p.remote)) {
		if o := t.parms.Load(); o.local == p.local && o.remote == p.remote && o.link == p.link {
			return t
		}
	}
	return nil
}

// lookup returns the tunnel that a packet from remote to local belongs to, which
// the device with the index link got, or nil (ip_tunnel_lookup): the one with both
// addresses, with its remote one, with its local one, the one without any, which
// is tunl0. One bound to that device is preferred to any other.
func (st *state) lookup(link int, remote, local uint32) *tunnel {
	var best *tunnel
	near := st.bucketAt(bucketOf(remote))
	far := st.bucketAt(bucketOf(0))
	for step := 0; step < 4; step++ {
		l := near
		if step >= 2 {
			l = far
		}
		for _, t := range l {
			p := t.parms.Load()
			if !t.dev.IsUp() || !p.serves(step, remote, local) {
				continue
			}
			if p.link == link {
				return t
			}
			if best == nil {
				best = t
			}
		}
	}
	return best
}

// serves reports whether a tunnel is what a step of the lookup is after. One whose
// remote end is a group receives what is sent to the group.
func (p *parms) serves(step int, remote, local uint32) bool {
	switch step {
	case 0:
		return p.remote == remote && p.local == local
	case 1:
		return p.remote == remote && p.local == 0
	case 2:
		return p.remote == 0 && p.local == local || isGroup(local) && p.remote == local
	}
	return p.remote == 0 && p.local == 0
}

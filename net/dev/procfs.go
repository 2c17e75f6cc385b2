package dev

import (
	"bytes"
	"fmt"

	"linen/kern"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/uapi"
)

// addProc adds /proc/net/dev, dev_mcast, ptype and softnet_stat.
func addProc(n *netns.Net) {
	t := procfs.Of(n)
	t.File("dev", func(w *bytes.Buffer) { procDev(n, w) })
	t.File("dev_mcast", func(w *bytes.Buffer) { procMcast(n, w) })
	t.File("ptype", func(w *bytes.Buffer) { procPtype(n, w) })
	t.File("softnet_stat", func(w *bytes.Buffer) { procSoftnet(n, w) })
}

// procDev writes one line of counters a device (dev_seq_show).
func procDev(n *netns.Net, w *bytes.Buffer) {
	w.WriteString("Inter-|   Receive                                                |  Transmit\n" +
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n")
	for _, d := range List(n) {
		s := d.Counters()
		fmt.Fprintf(w, "%6s: %7d %7d %4d %4d %4d %5d %10d %9d %8d %7d %4d %4d %4d %5d %7d %10d\n",
			d.Name(), s.RxBytes, s.RxPackets, s.RxErrors, s.RxDropped+s.RxMissed, s.RxFIFO,
			s.RxLength+s.RxOver+s.RxCRC+s.RxFrame, s.RxCompressed, s.Multicast,
			s.TxBytes, s.TxPackets, s.TxErrors, s.TxDropped, s.TxFIFO, s.Collisions,
			s.TxCarrier+s.TxAborted+s.TxWindow+s.TxHeartbeat, s.TxCompressed)
	}
}

// procMcast writes the link groups that devices listen to (dev_mc_seq_show).
func procMcast(n *netns.Net, w *bytes.Buffer) {
	for _, d := range List(n) {
		for _, a := range d.Multicasts() {
			fmt.Fprintf(w, "%-4d %-15s %-5d %-5d %x\n", d.Ifindex(), d.Name(), a.Refs, bit(a.Global), a.Addr)
		}
	}
}

// procPtype writes the packet types: taps, then by EtherType
// (ptype_seq_show).
func procPtype(n *netns.Net, w *bytes.Buffer) {
	w.WriteString("Type Device      Function\n")
	s := stateOf(n)
	for _, d := range List(n) {
		writeTypes(w, &d.taps)
	}
	writeTypes(w, &s.taps)
	writeTypes(w, &s.ptypes)
	for _, d := range List(n) {
		writeTypes(w, &d.ptypes)
	}
}

func writeTypes(w *bytes.Buffer, at *ptypeList) {
	list := at.Load()
	if list == nil {
		return
	}
	for _, p := range *list {
		if p.Hide {
			continue
		}
		typ, name := "ALL ", ""
		if p.Proto != uapi.ETH_P_ALL {
			typ = fmt.Sprintf("%04x", p.Proto)
		}
		if p.Dev != nil {
			name = p.Dev.Name()
		}
		fmt.Fprintf(w, "%s %-8s %s\n", typ, name, p.Name)
	}
}

// procSoftnet writes one line a CPU (softnet_seq_show).
func procSoftnet(n *netns.Net, w *bytes.Buffer) {
	n.Kernel().Each(func(c *kern.CPU) {
		s := softnetOf(c)
		waiting := len(s.queue) - s.head
		for _, v := range [...]uint64{
			s.processed, s.dropped, c.TimeSqueezes(), 0, 0, 0, 0, 0, 0,
			0, 0, uint64(waiting), uint64(c.ID()), uint64(waiting),
		} {
			fmt.Fprintf(w, "%08x ", uint32(v))
		}
		fmt.Fprintf(w, "%08x\n", 0) // process_qlen: there is one queue only
	})
}

package dev

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"linen/lib/filetree"
	"linen/net/netns"
	"linen/uapi/errno"
)

// Sysfs returns n's part of /sys: class/net with a link for each device, and
// devices/virtual/net with its directory. Directories are made when they are
// looked at. Who serves the tree checks CAP_NET_ADMIN for writes.
//
// Source: Documentation/ABI/testing/sysfs-class-net and
// sysfs-class-net-statistics. A file whose read fails in the kernel, such as
// carrier of a device that is down, is empty here.
func Sysfs(n *netns.Net) *filetree.Node {
	names := func() (out []string) {
		for _, d := range List(n) {
			out = append(out, d.Name())
		}
		return out
	}
	root := filetree.NewDir()
	root.AddPath("class/net", filetree.NewDynamicDir(names, func(name string) *filetree.Node {
		if d := ByName(n, name); d == nil || d.Name() != name {
			return nil
		}
		return filetree.NewSymlink("../../devices/virtual/net/" + name)
	}))
	root.AddPath("devices/virtual/net", filetree.NewDynamicDir(names, func(name string) *filetree.Node {
		if d := ByName(n, name); d != nil && d.Name() == name {
			return sysDevice(d)
		}
		return nil
	}))
	return root
}

// sysfsSize is the size that stat shows for an attribute.
const sysfsSize = 4096

func sysFile(read func() string, write func(text string) error) *filetree.Node {
	mode, put := fs.FileMode(0o444), (func([]byte) error)(nil)
	if write != nil {
		mode = 0o644
		put = func(b []byte) error { return write(strings.TrimSuffix(string(b), "\n")) }
	}
	f := filetree.NewFile(mode, func() []byte {
		if s := read(); s != "" {
			return []byte(s + "\n")
		}
		return nil
	}, put)
	f.Size = sysfsSize
	return f
}

// sysDevice makes a device's directory.
func sysDevice(d *Device) *filetree.Node {
	dir := filetree.NewDir()
	for name, read := range sysReads(d) {
		dir.Add(name, sysFile(read, sysWrite(d, name)))
	}
	if own, ok := d.Ops.(SysAttrer); ok {
		for name, read := range own.SysAttrs(d) {
			dir.Add(name, sysFile(read, nil))
		}
	}
	if m := d.Master(); m != nil {
		dir.Add("master", filetree.NewSymlink("../"+m.Name()))
	}
	stats := filetree.NewDir()
	for i, name := range statNames {
		stats.Add(name, sysFile(func() string {
			s := d.Counters()
			return strconv.FormatUint(*s.fields()[i], 10)
		}, nil))
	}
	dir.Add("statistics", stats)
	queues := filetree.NewDir()
	tx, rx := d.Queues()
	for i := range rx {
		q := filetree.NewDir()
		q.Add("rps_cpus", sysFile(func() string { return d.rpsMask(i) }, func(text string) error {
			return locked(d, func() error { return d.setRPS(i, text) })
		}))
		queues.Add("rx-"+strconv.Itoa(i), q)
	}
	for i := range tx {
		queues.Add("tx-"+strconv.Itoa(i), filetree.NewDir())
	}
	dir.Add("queues", queues)
	return dir
}

// statNames are the files in statistics, in the order of Stats.
var statNames = [numStats - 1]string{
	"rx_packets", "tx_packets", "rx_bytes", "tx_bytes", "rx_errors", "tx_errors", "rx_dropped",
	"tx_dropped", "multicast", "collisions", "rx_length_errors", "rx_over_errors", "rx_crc_errors",
	"rx_frame_errors", "rx_fifo_errors", "rx_missed_errors", "tx_aborted_errors", "tx_carrier_errors",
	"tx_fifo_errors", "tx_heartbeat_errors", "tx_window_errors", "rx_compressed", "tx_compressed",
	"rx_nohandler",
}

// operNames are the words of RFC 2863 as sysfs writes them.
var operNames = [...]string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

// sysReads returns the attributes of a device.
func sysReads(d *Device) map[string]func() string {
	num := func(f func() int) func() string { return func() string { return strconv.Itoa(f()) } }
	flag := func(f func() bool) func() string { return num(func() int { return int(bit(f())) }) }
	up, down := func() int { u, _ := d.CarrierChanges(); return int(u) }, func() int { _, x := d.CarrierChanges(); return int(x) }
	return map[string]func() string{
		"addr_assign_type":     num(func() int { return int(d.addrAssign.Load()) }),
		"addr_len":             num(func() int { return d.AddrLen }),
		"address":              func() string { return hexColons(d.Addr()) },
		"broadcast":            func() string { return hexColons(d.Broadcast()) },
		"name_assign_type":     num(func() int { return int(d.nameAssign.Load()) }),
		"carrier":              whenUp(d, flag(d.Carrier)),
		"carrier_changes":      num(func() int { return up() + down() }),
		"carrier_up_count":     num(up),
		"carrier_down_count":   num(down),
		"dev_id":               func() string { return "0x0" },
		"dev_port":             func() string { return "0" },
		"duplex":               d.sysDuplex,
		"speed":                d.sysSpeed,
		"dormant":              whenUp(d, flag(func() bool { return d.state.Load()&stateDormant != 0 })),
		"testing":              whenUp(d, flag(func() bool { return d.state.Load()&stateTesting != 0 })),
		"flags":                func() string { return fmt.Sprintf("0x%x", d.RawFlags()) },
		"gro_flush_timeout":    func() string { return "0" },
		"napi_defer_hard_irqs": func() string { return "0" },
		"ifalias":              d.Alias,
		"ifindex":              num(d.Ifindex),
		"iflink":               num(func() int { i, _ := d.Iflink(); return i }),
		"link_mode":            num(d.LinkMode),
		"mtu":                  num(d.MTU),
		"netdev_group":         num(d.Group),
		"operstate":            func() string { return operNames[min(int(d.shownOperState()), len(operNames)-1)] },
		"proto_down":           flag(func() bool { return d.protoDown.Load()&protoIsDown != 0 }),
		"threaded":             func() string { return "0" },
		"tx_queue_len":         num(d.TxQueueLen),
		"type":                 num(func() int { return int(d.Type) }),
		"uevent":               func() string { return fmt.Sprintf("INTERFACE=%s\nIFINDEX=%d", d.Name(), d.Ifindex()) },
	}
}

// whenUp is empty for a device that is down, where the kernel says EINVAL.
func whenUp(d *Device, f func() string) func() string {
	return func() string {
		if !d.Running() {
			return ""
		}
		return f()
	}
}

func hexColons(b []byte) string {
	var w strings.Builder
	for i, v := range b {
		if i > 0 {
			w.WriteByte(':')
		}
		fmt.Fprintf(&w, "%02x", v)
	}
	return w.String()
}

// sysWrite returns what a write to an attribute does, or nil.
func sysWrite(d *Device, name string) func(text string) error {
	number := func(set func(v int) error) func(string) error {
		return func(text string) error {
			v, err := strconv.ParseInt(text, 0, 64)
			if err != nil || v < 0 || v > 1<<32-1 {
				return errno.EINVAL
			}
			return locked(d, func() error { return set(int(v)) })
		}
	}
	switch name {
	case "mtu":
		return number(func(v int) error { return ChangeMTU(d, v) })
	case "flags":
		return number(func(v int) error { return ChangeFlags(d, uint32(v)) })
	case "tx_queue_len":
		return number(func(v int) error { return ChangeTxQueueLen(d, v) })
	case "netdev_group":
		return number(func(v int) error { SetGroup(d, v); return nil })
	case "carrier":
		return number(func(v int) error {
			if f, ok := d.Ops.(CarrierChanger); ok && d.Running() {
				return f.ChangeCarrier(d, v != 0)
			} else if ok {
				return errno.EINVAL
			}
			return errno.EOPNOTSUPP
		})
	case "ifalias":
		return func(text string) error {
			return locked(d, func() error {
				err := SetAlias(d, text)
				d.stateChange()
				return err
			})
		}
	}
	return nil
}

// locked runs f with the RTNL of d's namespace; ENODEV when d is gone.
func locked(d *Device, f func() error) error {
	n := d.Net()
	n.Lock()
	defer n.Unlock()
	if d.Net() != n || !d.Registered() {
		return errno.ENODEV
	}
	return f()
}

package hosts

import (
	"bytes"
	"sync"

	"linen/kern"
	"linen/lib/pcapng"
	"linen/net/dev"
	"linen/net/skb"
	"linen/uapi"
)

// capture is what passed on a Lab's links, seen at their first ends.
type capture struct {
	mu      sync.Mutex
	names   []string
	packets []frame
}

type frame struct {
	iface int
	at    int64 // nanoseconds of the Lab's wall clock
	out   bool
	data  []byte
}

// linkTypeEthernet is LINKTYPE_ETHERNET.
const linkTypeEthernet = 1

// maxCapture bounds what a long test keeps.
const maxCapture = 1 << 16

// watch captures on a host's device.
func (cp *capture) watch(l *Lab, h *Host, name string) {
	d := dev.ByName(h.Namespace(), name)
	iface := len(cp.names)
	cp.names = append(cp.names, h.Name()+":"+name)
	dev.AddTap(h.Namespace(), d, &dev.PacketType{Proto: uapi.ETH_P_ALL, Name: "capture", Hide: true,
		Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) {
			out := b.PktType == skb.PacketOutgoing
			if out {
				b.Linearize()
				b.SetMacHeader(0)
			}
			b.PushToMac()
			b.CompleteCsum()
			data := make([]byte, b.Len())
			b.CopyOut(0, data)
			cp.add(frame{iface, l.Clock.Wall(c.Now()).UnixNano(), out, data})
			b.Consume(c)
		}})
}

func (cp *capture) add(f frame) {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	if len(cp.packets) < maxCapture {
		cp.packets = append(cp.packets, f)
	}
}

// Bytes returns the capture as a pcapng file.
func (cp *capture) Bytes() []byte {
	cp.mu.Lock()
	defer cp.mu.Unlock()
	var out bytes.Buffer
	w, err := pcapng.NewWriter(&out, pcapng.Section{App: "linen test/hosts"})
	if err != nil {
		return nil
	}
	for _, name := range cp.names {
		if _, err := w.AddInterface(pcapng.Interface{Name: name, LinkType: linkTypeEthernet}); err != nil {
			return nil
		}
	}
	for _, f := range cp.packets {
		dir := pcapng.Inbound
		if f.out {
			dir = pcapng.Outbound
		}
		if err := w.WritePacket(pcapng.Packet{Interface: f.iface, Time: f.at, Data: f.data, OrigLen: len(f.data), Flags: uint32(dir)}); err != nil {
			return nil
		}
	}
	return out.Bytes()
}

// Capture returns everything that passed on the Lab's links so far, as a
// pcapng file.
func (l *Lab) Capture() []byte { return l.capture.Bytes() }

package why

import (
	"fmt"

	"linen/net/dev"
	"linen/net/ipv4"
	"linen/net/netfilter"
	"linen/net/skb"
	"linen/net/tcp"
	"linen/net/udp"
	"linen/uapi"
)

// deliver gives the packet, which came by a route of a type, to n's protocols.
func (w *walker) deliver(n Node, d *dev.Device, typ uint8) {
	w.step(n, d, skb.PointDeliver, "local", "to this host: "+w.f.Dst.String())
	w.hooks(n, netfilter.LocalIn)
	if w.reply {
		w.arrive(n, d, "the answer is back at "+n.Name)
		return
	}
	switch w.f.Proto {
	case 0:
		w.arrive(n, d, w.f.Dst.String()+" is an address of "+n.Name)
	case uapi.IPPROTO_ICMP:
		w.echo(n, d, typ)
	case uapi.IPPROTO_UDP:
		w.udp(n, d, typ)
	case uapi.IPPROTO_TCP:
		w.tcp(n, d)
	default:
		if ipv4.HasProtocol(n.Net, w.f.Proto) {
			w.arrive(n, d, protoText(w.f.Proto)+" of "+n.Name)
			return
		}
		w.end(n, d, nil, skb.ReasonIPNoproto, "ICMP protocol unreachable to the sender")
	}
}

func (w *walker) arrive(n Node, d *dev.Device, by string) {
	w.add(Event{Node: n.Name, Device: d.Name(), Kind: KindArrive, Point: skb.PointSocket, Verdict: "arrives", By: by})
}

// echo answers an echo request (icmp_rcv, icmp_echo).
func (w *walker) echo(n Node, d *dev.Device, typ uint8) {
	switch {
	case typ != uapi.RTN_LOCAL && w.number(n, "net/ipv4/icmp_echo_ignore_broadcasts", 1) != 0:
		w.end(n, d, nil, skb.ReasonInvalidProto)
	case w.number(n, "net/ipv4/icmp_echo_ignore_all", 0) != 0:
		w.end(n, d, nil, skb.ReasonICMPIgnored)
	default:
		w.arrive(n, d, "an echo request is answered by "+n.Name)
	}
}

// udp looks for a socket. What is for all and wanted by none ends in silence.
func (w *walker) udp(n Node, d *dev.Device, typ uint8) {
	s := udp.Explain(n.Net, num4(w.f.Src), num4(w.f.Dst), w.f.SPort, w.f.DPort, d.Ifindex())
	switch {
	case s != "":
		w.arrive(n, d, s)
	case typ != uapi.RTN_LOCAL:
		w.add(Event{Node: n.Name, Device: d.Name(), Kind: KindLeave, Point: skb.PointSocket, Verdict: "ignored",
			By: fmt.Sprintf("no socket takes datagrams to all on port %d", w.f.DPort)})
	default:
		w.end(n, d, nil, skb.ReasonNoSocket, fmt.Sprintf("ICMP udp port %d unreachable to the sender", w.f.DPort))
	}
}

// tcp gives a segment to the socket that it is for (tcp_v4_rcv).
func (w *walker) tcp(n Node, d *dev.Device) {
	s := tcp.Explain(n.Net, num4(w.f.Src), num4(w.f.Dst), w.f.SPort, w.f.DPort, d.Ifindex())
	if s == "" {
		w.end(n, d, nil, skb.ReasonNoSocket, fmt.Sprintf("TCP reset to the sender: nobody listens on port %d", w.f.DPort))
		return
	}
	w.arrive(n, d, s)
}

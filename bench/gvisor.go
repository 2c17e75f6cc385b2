package main

import (
	"context"
	"net"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

func newStack() *stack.Stack {
	return stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{udp.NewProtocol, tcp.NewProtocol},
	})
}

func failed(err tcpip.Error) {
	if err != nil {
		panic(err.String())
	}
}

// nic adds a NIC with an address to a stack and routes its /24 by it.
func nic(s *stack.Stack, id tcpip.NICID, ep stack.LinkEndpoint, addr [4]byte) tcpip.Route {
	failed(s.CreateNIC(id, ep))
	failed(s.AddProtocolAddress(id, tcpip.ProtocolAddress{
		Protocol:          ipv4.ProtocolNumber,
		AddressWithPrefix: tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(addr), PrefixLen: 24},
	}, stack.AddressProperties{}))
	subnet := tcpip.AddressWithPrefix{Address: tcpip.AddrFrom4(addr), PrefixLen: 24}.Subnet()
	return tcpip.Route{Destination: subnet, NIC: id}
}

// gvisorForward forwards between two channel endpoints.
func gvisorForward() subject {
	s := newStack()
	in, out := channel.New(batch*2, 1500, ""), channel.New(batch*2, 1500, "")
	s.SetRouteTable([]tcpip.Route{nic(s, 1, in, [4]byte{10, 1, 0, 1}), nic(s, 2, out, [4]byte{10, 2, 0, 1})})
	if _, err := s.SetForwardingDefaultAndAllNICs(ipv4.ProtocolNumber, true), error(nil); err != nil {
		fatal(err)
	}
	list := packets()
	return subject{name: "gVisor", run: func(n int) {
		for i := range n {
			p := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(list[i%flows])})
			in.InjectInbound(ipv4.ProtocolNumber, p)
			p.DecRef()
			for {
				o := out.Read()
				if o == nil {
					break
				}
				o.DecRef()
			}
		}
	}, stop: s.Close}
}

// gvisorPair joins two stacks by channel endpoints, with large segments and
// checksums left to the link where it is asked for.
func gvisorPair(large, offload bool) (a, b *stack.Stack, stop func()) {
	a, b = newStack(), newStack()
	ea, eb := channel.New(256, 1500, ""), channel.New(256, 1500, "")
	for _, e := range []*channel.Endpoint{ea, eb} {
		if offload {
			e.LinkEPCapabilities |= stack.CapabilityTXChecksumOffload | stack.CapabilityRXChecksumOffload
		}
		if large {
			e.SupportedGSOKind = stack.HostGSOSupported
		}
	}
	a.SetRouteTable([]tcpip.Route{nic(a, 1, ea, [4]byte{10, 0, 0, 1})})
	b.SetRouteTable([]tcpip.Route{nic(b, 1, eb, [4]byte{10, 0, 0, 2})})
	ctx, cancel := context.WithCancel(context.Background())
	go carry(ctx, ea, eb)
	go carry(ctx, eb, ea)
	return a, b, func() { cancel(); a.Close(); b.Close() }
}

// gvisorAt is an address of 10.0.0/24 and a port.
func gvisorAt(last byte, port uint16) *tcpip.FullAddress {
	return &tcpip.FullAddress{NIC: 1, Addr: tcpip.AddrFrom4([4]byte{10, 0, 0, last}), Port: port}
}

// gvisorEcho echoes through gonet.
func gvisorEcho() subject {
	a, b, stop := gvisorPair(false, false)
	server := must(gonet.DialUDP(b, gvisorAt(2, 7), nil, ipv4.ProtocolNumber))
	client := must(gonet.DialUDP(a, gvisorAt(1, 5000), gvisorAt(2, 7), ipv4.ProtocolNumber))
	return subject{name: "gVisor", run: func(n int) { echo(client, server, n) }, stop: stop}
}

// gvisorTCP opens connections through gonet.
func gvisorTCP(large, offload bool) tcpStack {
	a, b, stop := gvisorPair(large, offload)
	return tcpStack{
		name:   "gVisor",
		listen: func() net.Listener { return must(gonet.ListenTCP(b, *gvisorAt(2, 80), ipv4.ProtocolNumber)) },
		dial:   func() net.Conn { return must(gonet.DialTCP(a, *gvisorAt(2, 80), ipv4.ProtocolNumber)) },
		stop:   stop,
	}
}

// carry moves packets from one endpoint to the other.
func carry(ctx context.Context, from, to *channel.Endpoint) {
	for {
		p := from.ReadContext(ctx)
		if p == nil {
			return
		}
		o := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: p.ToBuffer()})
		p.DecRef()
		to.InjectInbound(ipv4.ProtocolNumber, o)
		o.DecRef()
	}
}

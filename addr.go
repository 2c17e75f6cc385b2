package linen

import (
	"errors"
	"net"
	"net/netip"
	"strconv"

	"linen/uapi"
	"linen/uapi/errno"
)

// parseNetwork returns the socket type and protocol of a network's name.
func parseNetwork(network string) (typ, proto int, err error) {
	switch network {
	case "udp", "udp4":
		return uapi.SOCK_DGRAM, uapi.IPPROTO_UDP, nil
	case "tcp", "tcp4":
		return uapi.SOCK_STREAM, uapi.IPPROTO_TCP, nil
	case "ip4:icmp":
		return uapi.SOCK_RAW, uapi.IPPROTO_ICMP, nil
	case "ping4":
		return uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP, nil
	}
	return 0, 0, net.UnknownNetworkError(network)
}

// hasPorts reports whether addresses of a network end in a port.
func hasPorts(network string) bool { return network[0] == 't' || network[0] == 'u' }

// parseAddr reads "ADDR:PORT" or ":PORT", or "ADDR" where there are no ports.
// The errors are package net's; a name but "localhost" is not found, because
// there is nobody to ask.
func parseAddr(network, s string) (netip.AddrPort, error) {
	host, port := s, 0
	if hasPorts(network) {
		var text string
		var err error
		if host, text, err = net.SplitHostPort(s); err != nil {
			return netip.AddrPort{}, err
		}
		if port, err = strconv.Atoi(text); err != nil && text != "" || port < 0 || port > 0xffff {
			return netip.AddrPort{}, &net.AddrError{Err: "invalid port", Addr: text}
		}
	}
	switch host {
	case "":
		return netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port)), nil
	case "localhost":
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)), nil
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrPort{}, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if a = a.Unmap(); !a.Is4() {
		return netip.AddrPort{}, &net.AddrError{Err: "no suitable address found", Addr: host}
	}
	return netip.AddrPortFrom(a, uint16(port)), nil
}

// addrPortOf returns an address as a netip.AddrPort, without a detour by its
// text where its type is known.
func addrPortOf(network string, addr net.Addr) (netip.AddrPort, error) {
	switch a := addr.(type) {
	case *net.UDPAddr:
		if a == nil {
			return netip.AddrPort{}, errMissingAddress
		}
		if a.Zone == "" {
			if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap().Is4() {
				return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), nil
			}
		}
	case nil:
		return netip.AddrPort{}, errno.EINVAL
	}
	return parseAddr(network, addr.String())
}

// errMissingAddress is for a nil *net.UDPAddr, with package net's text.
var errMissingAddress = errors.New("missing address")

// sockAddr reads a sockaddr; the zero AddrPort when it is none of ours.
func sockAddr(sa []byte) netip.AddrPort {
	a, port, ok := uapi.ParseSockaddrIn(sa)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}

// netAddr returns an address as the net.Addr of the network's kind, nil for
// the zero AddrPort.
func netAddr(network string, ap netip.AddrPort) net.Addr {
	if !ap.IsValid() {
		return nil
	}
	switch network {
	case "tcp", "tcp4":
		return net.TCPAddrFromAddrPort(ap)
	case "udp", "udp4":
		return udpAddr(ap)
	}
	return &net.IPAddr{IP: ap.Addr().AsSlice()}
}

// udpAddr returns a new *net.UDPAddr, in one piece with its address.
func udpAddr(ap netip.AddrPort) *net.UDPAddr {
	if !ap.Addr().Is4() {
		return net.UDPAddrFromAddrPort(ap)
	}
	u := &struct {
		net.UDPAddr
		ip [4]byte
	}{ip: ap.Addr().As4()}
	u.IP, u.Port = u.ip[:], int(ap.Port())
	return &u.UDPAddr
}

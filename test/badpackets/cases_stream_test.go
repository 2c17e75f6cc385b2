package badpackets

import (
	"fmt"

	"linen/uapi"
)

// streamOptionCases are the options of level IP on connections.
func streamOptionCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "connection: " + name, setup: setup, steps: steps})
	}
	record := []byte{7, 7, 4, 0, 0, 0, 0, 0}
	stamp := []byte{68, 8, 5, 0, 0, 0, 0, 0}
	source := []byte{131, 7, 8, 10, 0, 0, 3, 0} // it came by 10.0.0.3
	options := func(v []byte) step { return option(uapi.IPPROTO_IP, uapi.IP_OPTIONS, v) }
	write, shows := sends("", 4), gets(uapi.IPPROTO_IP, uapi.IP_OPTIONS, 40)
	maxSeg := gets(uapi.IPPROTO_TCP, uapi.TCP_MAXSEG, 4)
	plain := []step{streamAt}

	add("opened, IP_OPTIONS", []step{streamAt, options(record)}, connected(ip{}), maxSeg, write, segments)
	add("opened, a source route", []step{streamAt, options([]byte{131, 7, 4, 10, 0, 0, 3, 0})}, connected(ip{}), maxSeg, write, segments)
	add("opened, IP_OPTIONS set later", plain, connected(ip{}), maxSeg, options(record), maxSeg, write, segments, options(nil), maxSeg, write, segments)
	add("opened, the peer has options", plain, connected(ip{opts: record}), shows, maxSeg, write, segments)
	add("opened, IP_TOS and IP_TTL set later", plain, connected(ip{}), setIP(uapi.IP_TOS, 0x13), setIP(uapi.IP_TTL, 7), write, segments)
	for mode := range 6 {
		add(fmt.Sprintf("opened, IP_MTU_DISCOVER %d", mode), []step{streamAt, setIP(uapi.IP_MTU_DISCOVER, uint32(mode))}, connected(ip{}), write, segments)
	}
	for _, o := range []struct {
		name string
		opts []byte
	}{{"record route", record}, {"timestamps", stamp}, {"a source route", source}, {"an unknown option", []byte{30, 4, 1, 2}}, {"router alert", []byte{148, 4, 0, 0}}} {
		from := ip{opts: o.opts}
		routed := sysctl("net.ipv4.conf.all.accept_source_route", "1")
		steps := []step{visited(from, ip{}), accepts, shows, maxSeg, write, segments}
		if o.name == "timestamps" { // what it shows is the time of day
			steps[2] = maxSeg
		}
		add("accepted, "+o.name, []step{routed, tcpServer}, steps...)
		add("a closed port, "+o.name, []step{routed}, rx(from.tcp(6000, 9, syn, nil, nil)), segments)
	}
	add("accepted, the listener has IP_OPTIONS", []step{tcpServer, options(record)}, visited(ip{}, ip{}), accepts, shows, write, segments)
	add("accepted, options from the third packet on", []step{tcpServer}, visited(ip{}, ip{opts: record}), accepts, shows, write, segments)
	for _, o := range []struct {
		name string
		opts []byte
	}{{"record route", record}, {"a source route", source}} {
		from := ip{opts: o.opts}
		routed := sysctl("net.ipv4.conf.all.accept_source_route", "1")
		far := put32(4, 50_000_000)
		add("half open, out of the window, "+o.name, []step{routed, tcpServer}, rx(ip{}.tcp(6000, 80, syn, nil, nil)), segments,
			rx(from.tcp(6000, 80, fin, nil, nil, far)), segments)
		add("half open with options, out of the window, "+o.name, []step{routed, tcpServer}, rx(from.tcp(6000, 80, syn, nil, nil)), segments,
			rx(ip{}.tcp(6000, 80, fin, nil, nil, far)), segments)
		add("ended, out of the window, "+o.name, []step{routed, streamAt}, ended(from), segments)
	}
	return append(list, transparentCases()...)
}

// ended opens a connection, has both ends end it, and a segment come with the header
// of late that is not of the window.
func ended(late ip) step {
	return func(r *run) error {
		if err := r.socks[len(r.socks)-1].connect(peerAddr(peer)); err != nil && errName(err) != "EINPROGRESS" {
			return err
		}
		iss, err := begins(r)
		if err != nil {
			return err
		}
		for _, s := range []step{
			rx(ip{}.tcp(6000, 5000, syn|ack, nil, nil, put32(8, iss+1))), segments, shuts(1), segments,
			rx(ip{}.tcp(6000, 5000, fin|ack, nil, nil, put32(4, 1001), put32(8, iss+2))), segments,
			rx(late.tcp(6000, 5000, ack, nil, seq(8), put32(4, 50_000_000), put32(8, iss+2))),
		} {
			if err := s(r); err != nil {
				return err
			}
		}
		return nil
	}
}

// transparentCases are connections to and from addresses of others, and what an
// accepted one tells of where it was to go.
func transparentCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "connection: " + name, setup: setup, steps: steps})
	}
	stream := func(r *run) error {
		s, err := r.m.socket(uapi.SOCK_STREAM, 0)
		r.socks = append(r.socks, s)
		return err
	}
	listens := call("listen", func(_ *run, s socket) (string, error) { return "ok", s.listen(4) })
	foreign := routeBy(uapi.RTN_LOCAL, "9.9.9.0/24", "lo", uapi.RT_TABLE_LOCAL)
	to := ip{dst: "9.9.9.9"}
	original := gets(uapi.IPPROTO_IP, 80, 16) // SO_ORIGINAL_DST
	add("accepted for another's address", []step{foreign, tcpServer}, visited(to, to), accepts, named, original, sends("", 4), segments)
	add("accepted for another's address, IP_TRANSPARENT", []step{foreign, stream, setIP(uapi.IP_TRANSPARENT, 1)},
		binds("0.0.0.0:80"), listens, visited(to, to), accepts, named, gets(uapi.IPPROTO_IP, uapi.IP_TRANSPARENT, 4), sends("", 4), segments)
	add("accepted at another's address", []step{foreign, stream, setIP(uapi.IP_TRANSPARENT, 1)}, binds("9.9.9.9:80"), listens, visited(to, to), accepts, named, sends("", 4), segments)
	add("another's address without a route, IP_TRANSPARENT", []step{stream, setIP(uapi.IP_TRANSPARENT, 1)}, binds("9.9.9.9:80"), listens, rx(to.tcp(6000, 80, syn, nil, nil)))
	add("opened from another's address", []step{foreign, stream, setIP(uapi.IP_TRANSPARENT, 1)}, binds("9.9.9.9:5000"), connected(ip{dst: "9.9.9.9"}), named, sends("", 4), segments)
	add("opened from another's address, IP_FREEBIND", []step{stream, setIP(uapi.IP_FREEBIND, 1)}, binds("9.9.9.9:5000"), connects(peer))
	add("IP_TRANSPARENT taken back", []step{stream, setIP(uapi.IP_TRANSPARENT, 1)}, binds("9.9.9.9:5000"), setIP(uapi.IP_TRANSPARENT, 0), connects(peer))
	add("SO_ORIGINAL_DST", []step{tcpServer}, original, visited(ip{}, ip{}), accepts, original, sets(uapi.IPPROTO_IP, 80, make([]byte, 16)), gets(uapi.IPPROTO_IP, 80, 4))
	add("SO_ORIGINAL_DST of UDP", []step{udpClient}, original)
	info := []step{tcpServer, setIP(uapi.IP_PKTINFO, 1), setIP(uapi.IP_RECVTTL, 1), setIP(uapi.IP_RECVTOS, 1)}
	add("IP_PKTOPTIONS", info, visited(ip{}, ip{ttl: 9, tos: 0x10}), accepts, pktOptions)
	add("IP_PKTOPTIONS, the other link's address", info, visited(ip{dst: "10.0.1.1"}, ip{dst: "10.0.1.1", ttl: 9}), accepts, pktOptions)
	add("IP_PKTOPTIONS for another's address", append([]step{foreign}, info...), visited(to, to), accepts, pktOptions)
	add("IP_PKTOPTIONS of one's own", []step{streamAt, setIP(uapi.IP_PKTINFO, 1), setIP(uapi.IP_RECVTTL, 1), setIP(uapi.IP_RECVTOS, 1)}, connected(ip{ttl: 9}), segments, pktOptions)
	add("IP_PKTOPTIONS, IP_RECVORIGDSTADDR", []step{tcpServer, setIP(uapi.IP_RECVORIGDSTADDR, 1), setIP(uapi.IP_RECVOPTS, 1)}, visited(ip{}, ip{}), accepts, pktOptions)
	return list
}

// admittedCases: when a send is refused for what came before it, and what is
// counted (sock_alloc_send_pskb).
func admittedCases() (list []testCase) {
	add := func(name string, setup []step, steps ...step) {
		list = append(list, testCase{name: "refused: " + name, setup: setup, steps: steps})
	}
	about := ours.udp(5000, 6000, seq(32)).bytes()
	closed := rx(ip{}.icmp(3, 3, 0, about))
	do := setIP(uapi.IP_MTU_DISCOVER, uapi.IP_PMTUDISC_DO)
	rawAny := open(uapi.SOCK_RAW, uapi.IPPROTO_UDP, "", "10.0.0.2:0")
	rawOwn := []step{rawAny, setIP(uapi.IP_HDRINCL, 1)}
	pings := []step{sysctl("net.ipv4.ping_group_range", "0 2147483647"), open(uapi.SOCK_DGRAM, uapi.IPPROTO_ICMP, "0.0.0.0:77", "10.0.0.2:0")}
	echo := []byte{8, 0, 0, 0, 0, 0, 0, 1}
	mine := ours.udp(5000, 6000, seq(8)).bytes()
	add("UDP, an error, too long", []step{udpClient, do}, closed, sends("", 1600), sends("", 4), sends("", 4))
	add("UDP, an error, elsewhere without a route", []step{udpClient}, closed, sends("9.9.9.9:9", 4), sends("", 4))
	add("UDP, an error, wrong control message", []step{udpClient}, closed, sends("", 4, number("IP_TTL", uapi.IP_TTL, 0)), sends("", 4))
	add("UDP, an error, IP_RECVERR", []step{udpClient, setIP(uapi.IP_RECVERR, 1)}, closed, sends("", 4), sends("", 4), receivesError)
	add("raw, an error", []step{rawAny}, closed, sends("", 4), gets(uapi.SOL_SOCKET, uapi.SO_ERROR, 4))
	add("raw, an error, IP_HDRINCL", rawOwn, closed, sendsBytes("", mine), sendsBytes("", mine))
	add("raw, an error, IP_HDRINCL, too long", rawOwn, closed, sends("", 1600), sendsBytes("", mine))
	add("ping, an error", pings, rx(ip{}.icmp(3, 3, 0, ours.icmp(8, 0, 77<<16|1, nil).bytes())), sendsBytes("", echo), sendsBytes("", echo))
	add("UDP, shut down", []step{udpClient}, shuts(1), sends("", 4), sends("9.9.9.9:9", 4), sends("", 1600))
	add("raw, shut down", []step{rawAny}, shuts(1), sends("", 4))
	add("raw, shut down, IP_HDRINCL", rawOwn, shuts(1), sendsBytes("", mine))
	add("ping, shut down", pings, shuts(1), sendsBytes("", echo))
	add("UDP without a peer, shut down", []step{clientAt}, shuts(1), sends(peer, 4))
	small := option(uapi.SOL_SOCKET, uapi.SO_SNDBUF, u32(1))
	nobody := "10.0.0.77:6000"
	fill := func(to string, n int) (list []step) {
		for range 8 {
			list = append(list, sends(to, n))
		}
		return list
	}
	add("UDP, a full buffer", []step{clientAt, small}, fill(nobody, 1400)...)
	add("raw, a full buffer", []step{rawAt, small}, fill("10.0.0.77:0", 1400)...)
	hidden := ip{src: "10.0.0.1", dst: "10.0.0.77"}.udp(5000, 6000, seq(1000)).bytes()
	own := sendsBytes("10.0.0.77:0", hidden)
	add("raw, a full buffer, IP_HDRINCL", []step{open(uapi.SOCK_RAW, uapi.IPPROTO_UDP, "", ""), setIP(uapi.IP_HDRINCL, 1), small}, own, own, own, own, own, own)
	for _, s := range []opener{{"UDP", []step{udpClient}, nil}, {"a raw socket", []step{rawAny}, nil}} {
		add("the error queue tells IP_RECVORIGDSTADDR, "+s.name, append(s.open, setIP(uapi.IP_RECVERR, 1), setIP(uapi.IP_RECVORIGDSTADDR, 1)), closed, receivesError)
	}
	add("the error queue tells IP_RECVORIGDSTADDR, short", []step{udpClient, setIP(uapi.IP_RECVERR, 1), setIP(uapi.IP_RECVORIGDSTADDR, 1)},
		rx(ip{}.icmp(3, 3, 0, ours.udp(5000, 6000, seq(3)).bytes())), receivesError)
	return list
}

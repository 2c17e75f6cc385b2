//go:build linux

package labs

// tools are the administrator's programs of docs/programs.md: what they print and change.
func tools() []app {
	return []app{
		{name: "ip", program: "ip", client: "ping -qc1 10.1.0.1 >/dev/null; ip -br link show eth1; ip -4 -o addr show eth1; ip route get 10.2.0.2; ip neigh show dev eth1; ip rule",
			want: `(?s)eth1@\S+ +UP .*inet 10\.1\.0\.2/24 scope global eth1.*10\.2\.0\.2 via 10\.1\.0\.1 dev eth1 src 10\.1\.0\.2.*10\.1\.0\.1 lladdr .*32766:\s+from all lookup main`},
		{name: "ss", program: "ss", server: "exec nc.openbsd -lk 9001", port: "tcp 9001", client: "(sleep 2; echo) | nc.openbsd -N 10.2.0.2 9001 & until ss -Htnip state established | grep -A1 nc; do sleep 0.1; done; wait",
			want: `(?s)10\.1\.0\.2:\d+ +10\.2\.0\.2:9001 +users:\(\("nc.openbsd",pid=\d+,fd=\d+\)\).*rtt:.*mss:9448`},
		{name: "netstat", program: "netstat", server: "exec nc.openbsd -lk 9001", port: "tcp 9001", client: "(sleep 2; echo) | nc.openbsd -N 10.2.0.2 9001 & until netstat -antup | grep nc; do sleep 0.1; done; netstat -rn; netstat -in; netstat -gn; netstat -s; wait",
			want: `(?s)tcp +0 +0 10\.1\.0\.2:\d+ +10\.2\.0\.2:9001 +ESTABLISHED \d+/nc\.openbsd.*0\.0\.0\.0 +10\.1\.0\.1 +0\.0\.0\.0 +UG .*eth1 +9500 .*BMRU.*eth1 +1 +224\.0\.0\.1.*total packets received.*active connection openings`},
		{name: "nstat", program: "nstat", client: "export NSTAT_HISTORY=$D/n; nstat -n; ping -qc2 -i0.2 10.2.0.2 >/dev/null; nstat -s IcmpOutEchos IcmpInEchoReps; nstat -az | grep TcpExtTCPFastOpenActive",
			want: `(?s)IcmpInEchoReps +2 .*IcmpOutEchos +2 .*TcpExtTCPFastOpenActive +0 `},
		{name: "ping", program: "ping", client: "ping -c2 -i0.2 -Q 0x10 10.2.0.2; ping -c1 -R 10.2.0.2; ping -c1 -T tsonly 10.2.0.2; ping -qfc50 10.2.0.2",
			want: `(?s)64 bytes from 10\.2\.0\.2: icmp_seq=2 ttl=62 time=.*RR: \s*10\.1\.0\.2\s+10\.0\.0\.1\s+10\.2\.0\.1\s+10\.2\.0\.2.*TS: .*50 packets transmitted, 50 received, 0% packet loss`},
		{name: "fping", program: "fping", client: "fping -c2 -p50 10.2.0.2 10.1.0.1 2>&1", want: `10\.2\.0\.2 : xmt/rcv/%loss = 2/2/0%`},
		{name: "clockdiff", program: "clockdiff", client: "clockdiff -o 10.2.0.2 2>&1", want: `^\d+ -?\d+ -?\d+\n`},
		{name: "traceroute", program: "traceroute", server: "exec nc.openbsd -lk 80", port: "tcp 80", client: "traceroute -n -q1 10.2.0.2; traceroute -nI -q1 10.2.0.2; traceroute -nT -q1 -p 80 10.2.0.2",
			want: `^(traceroute to.*\n 1  10\.1\.0\.1 .*\n 2  10\.0\.0\.2 .*\n 3  10\.2\.0\.2 .* ms\n){3}$`},
		{name: "tracepath", program: "tracepath", client: "tracepath -n 10.2.0.2", want: `(?s)\[LOCALHOST\] +pmtu 9500\n.*1:  10\.1\.0\.1 .*2:  10\.0\.0\.2 .*3:  10\.2\.0\.2 .*reached.*pmtu 9500 hops 3 back 3`},
		{name: "mtr", program: "mtr", server: "exec nc.openbsd -lk 80", port: "tcp 80", client: "mtr -nrc1 -G1 10.2.0.2; mtr -nrc1 -G1 -u 10.2.0.2; mtr -nrc1 -G1 -T -P 80 10.2.0.2",
			want: `(?s)(1\.\|-- 10\.1\.0\.1 +0\.0%.*2\.\|-- 10\.0\.0\.2 +0\.0%.*3\.\|-- 10\.2\.0\.2 +0\.0%.*){3}`},
		{name: "arping", program: "arping", client: "arping -f -w 30 -I eth1 10.1.0.1; arping -D -f -w 30 -I eth1 10.1.0.1; echo $?; arping -U -c1 -I eth1 10.1.0.2",
			want: `(?s)Unicast reply from 10\.1\.0\.1 \[.*Received 1 response.*\n1\n.*Sent 1 probes`},
		{name: "arp", program: "arp ping", client: "ping -qc1 10.1.0.1 >/dev/null; arp -n; arp -s 10.1.0.77 02:00:00:00:00:77; arp -an; arp -d 10.1.0.77; arp -n 10.1.0.77",
			want: `(?s)10\.1\.0\.1 +ether +\S+ +C +eth1.*\(10\.1\.0\.77\) at 02:00:00:00:00:77 \[ether\] PERM on eth1.*10\.1\.0\.77 \(10\.1\.0\.77\) -- no entry|10\.1\.0\.77 +\(incomplete\)`, loose: true},
		{name: "ifconfig", program: "ifconfig", client: "ifconfig eth1; ifconfig eth2:1 10.9.0.1/24 up; ifconfig eth2 mtu 1400 hw ether 02:00:00:00:00:aa; ifconfig eth2:1; ip addr show eth2; ifconfig eth2:1 down; ifconfig eth2 mtu 9500; ifconfig -s; ifconfig eth2:1",
			want: `(?s)eth1: flags=4163<UP,BROADCAST,RUNNING,MULTICAST>  mtu 9500\s+inet 10\.1\.0\.2  netmask 255\.255\.255\.0.*RX packets \d+.*eth2:1: flags=4163.*mtu 1400\s+inet 10\.9\.0\.1  netmask 255\.255\.255\.0  broadcast 10\.9\.0\.255\s+ether 02:00:00:00:00:aa.*inet 10\.9\.0\.1/24 brd 10\.9\.0\.255 scope global eth2:1.*Iface +MTU +RX-OK.*eth1 +9500 .*eth2 +9500 `, loose: true},
		{name: "route", program: "route", client: "route -n; route add -net 10.55.0.0/16 gw 10.1.0.1 metric 7; route add -host 10.56.0.1 dev eth1; route add -net 10.57.0.0/16 reject; route -n; route del -net 10.55.0.0/16; route del 10.56.0.1; route del -net 10.57.0.0/16 reject; ip route",
			want: `(?s)0\.0\.0\.0 +10\.1\.0\.1 +0\.0\.0\.0 +UG .*10\.55\.0\.0 +10\.1\.0\.1 +255\.255\.0\.0 +UG +7 .*10\.56\.0\.1 +0\.0\.0\.0 +255\.255\.255\.255 UH .*10\.57\.0\.0 +- +255\.255\.0\.0 +! .*default via 10\.1\.0\.1 dev eth1 \n10\.1\.0\.0/24 dev eth1 proto kernel scope link src 10\.1\.0\.2 \n$`},
		{name: "ethtool", program: "ethtool", client: "ethtool -i eth1; ethtool eth1; ethtool -k eth1 | grep generic-segmentation; ethtool -S eth1 | head -2; ethtool -T eth1 | head -3",
			want: `(?s)driver: veth.*Speed: 10000Mb/s.*Link detected: yes.*generic-segmentation-offload: on.*NIC statistics:.*Time stamping parameters for eth1`},
		{name: "sysctl", program: "sysctl", client: "sysctl net.ipv4.ip_forward; sysctl -w net.ipv4.ip_default_ttl=77; echo 'net.ipv4.conf.eth1.rp_filter = 2' >$D/s; sysctl -p $D/s; ping -qc1 10.2.0.2 >/dev/null; sysctl -w net.ipv4.ip_default_ttl=300 2>&1; sysctl -w net.ipv4.ip_default_ttl=64; sysctl -a 2>/dev/null | grep eth1.rp_filter",
			want: `(?s)^net\.ipv4\.ip_forward = 0\nnet\.ipv4\.ip_default_ttl = 77\nnet\.ipv4\.conf\.eth1\.rp_filter = 2\n.*Invalid argument\nnet\.ipv4\.ip_default_ttl = 64\n(?-s:.*)net\.ipv4\.conf\.eth1\.rp_filter = 2`},
		{name: "busybox (static)", program: "busybox ping", server: "exec nc.openbsd -lk 9001", port: "tcp 9001",
			client: "b=busybox; $b ip route; $b ifconfig eth1; $b route -n; $b ping -c1 10.2.0.2; $b traceroute -n 10.2.0.2; $b arping -f -w 30 -I eth1 10.1.0.1; echo hello | $b nc -w 30 10.2.0.2 9001; $b netstat -tn",
			want:   `(?s)default via 10\.1\.0\.1 dev eth1.*inet addr:10\.1\.0\.2 .*UG .*1 packets transmitted, 1 packets received.* 3  10\.2\.0\.2 .*Unicast reply from 10\.1\.0\.1.*Active Internet connections`, served: "hello"},
		{name: "tcpdump", program: "tcpdump", client: sniffed("tcpdump -nli eth1 -c 2 icmp and host 10.2.0.2"), want: `(?s)IP 10\.1\.0\.2 > 10\.2\.0\.2: ICMP echo request, id \d+, seq 1, length 64\n.*IP 10\.2\.0\.2 > 10\.1\.0\.2: ICMP echo reply`},
		{name: "tcpdump -i any -w, tshark -r", program: "tcpdump tshark", client: sniffed("tcpdump -i any -c 2 -w $D/f icmp") + "; tshark -r $D/f -T fields -e ip.src -e sll.pkttype -e icmp.type", want: `10\.1\.0\.2\t+4?\t8\n10\.2\.0\.2\t+0?\t0\n`},
		{name: "tshark", program: "tshark", client: sniffed("tshark -lni eth1 -c 2 -f icmp"), want: `(?s)10\.1\.0\.2 → 10\.2\.0\.2 +ICMP 98 Echo \(ping\) request.*10\.2\.0\.2 → 10\.1\.0\.2 +ICMP 98 Echo \(ping\) reply`},
		{name: "dumpcap", program: "dumpcap", client: sniffed("dumpcap -q -i eth1 -f icmp -c 2 -w $D/f") + "; tshark -r $D/f", want: `Echo \(ping\) reply`},
		{name: "ngrep", program: "ngrep", client: sniffed("ngrep -q -l -d eth1 -n 1 . icmp"), want: `I 10\.1\.0\.2 -> 10\.2\.0\.2 8:0`},
		{name: "netsniff-ng", program: "netsniff-ng", client: sniffed("netsniff-ng -i eth1 -n 2 -s"), want: `[1-9][0-9]* +packets passed filter`},
		{name: "trafgen", program: "trafgen", setup: "echo '{ eth(da=11:22:33:44:55:66), ipv4(da=10.2.0.2), udp(dp=9) }' >$D/packet",
			client: "trafgen -o eth1 -i $D/packet -n 5 -P 1", want: `5 packets outgoing`},
		{name: "mausezahn", program: "mausezahn tcpdump", client: "tcpdump -nli eth1 -c 3 udp and dst port 4444 & sleep 1; while kill -0 $! 2>/dev/null; do mausezahn eth1 -q -c 3 -A 10.1.0.2 -B 10.2.0.2 -t udp 'sp=33,dp=4444' -P hello; sleep 0.2; done; wait",
			want: `IP 10\.1\.0\.2\.33 > 10\.2\.0\.2\.4444: UDP, length 5`},
		{name: "scapy", program: "python3", client: `/usr/bin/python3 -c 'from scapy.all import *; conf.verb=0
print(sr1(IP(dst="10.2.0.2")/ICMP(), timeout=30).summary()); print(sr1(IP(dst="10.2.0.2")/TCP(dport=9, flags="S"), timeout=30).summary())
print(srp1(Ether(dst="ff:ff:ff:ff:ff:ff")/ARP(pdst="10.1.0.1"), iface="eth1", timeout=30).summary()); print(conf.route.route("10.2.0.2"))'`,
			want: `(?s)IP / ICMP 10\.2\.0\.2 > 10\.1\.0\.2 echo-reply 0.*IP / TCP 10\.2\.0\.2:\S+ > 10\.1\.0\.2:ftp_data RA.*ARP is at \S+ says 10\.1\.0\.1.*\('eth1', '10\.1\.0\.2', '10\.1\.0\.1'\)`},
		{name: "tcpreplay", program: "tcpreplay python3", setup: `/usr/bin/python3 -c 'from scapy.all import *; wrpcap("'$D'/f", [Ether(dst="ff:ff:ff:ff:ff:ff")/IP(src="10.1.0.2",dst="10.1.0.255")/UDP(sport=9,dport=9)/"x"]*20)'`,
			client: "tcpreplay -q -t -i eth1 $D/f 2>&1", want: `(?s)Actual: 20 packets.*Successful packets: +20\s+Failed packets: +0`},
		{name: "etherwake", program: "etherwake", client: "etherwake -D -i eth1 02:00:00:00:00:01", want: `(?s)The final packet is: ff ff ff ff ff ff|Sendto worked`},
		{name: "iftop", program: "iftop", client: "ping -qi0.2 10.2.0.2 >/dev/null & iftop -nt -s 3 -i eth1 2>&1; kill $!", want: `(?s)10\.1\.0\.2 +=> +[1-9].*10\.2\.0\.2 +<= +[1-9]`},
		{name: "bmon", program: "bmon", client: "bmon -p eth1 -o format:quitafter=2 | tail -1", want: `(?m)^eth1 [1-9]\d* [1-9]\d* [1-9]\d* [1-9]\d*`},
		{name: "sar", program: "sar", client: "ping -qi0.2 10.2.0.2 >/dev/null & LC_ALL=C sar -n DEV,EDEV,IP,ICMP,TCP,UDP,SOCK 1 1; kill $!", want: `(?s)Average: +eth1 +[1-9].*Average: +totsck +tcpsck.*Average: +irec/s +fwddgm/s.*Average: +[1-9].*Average: +active/s`},
		{name: "lsof, fuser", program: "lsof fuser", server: "exec python3 -m http.server -d $D 8000", port: "tcp 8000",
			client: "python3 -c 'import socket, time; s = socket.create_connection((\"10.2.0.2\", 8000)); u = socket.socket(type=2); u.bind((\"\", 5353)); time.sleep(60)' & until fuser 5353/udp 2>/dev/null | grep .; do sleep 0.1; done; lsof -nP -i -a -p $!; fuser -v 5353/udp 2>&1; kill $!",
			want:   `(?s)python3 .*IPv4 .*TCP 10\.1\.0\.2:\d+->10\.2\.0\.2:8000 \(ESTABLISHED\).*UDP \*:5353.*5353/udp: .*python3`},
		{name: "nmap -sS", program: "nmap", server: "exec python3 -m http.server -d $D 8000", port: "tcp 8000",
			client: "nmap -n -Pn -sS -p 8000,8001 10.2.0.2", want: `(?s)8000/tcp open .*8001/tcp closed `},
		{name: "nmap -sT", program: "nmap", server: "exec python3 -m http.server -d $D 8000", port: "tcp 8000",
			client: "nmap -n -Pn -sT -p 8000,8001 10.2.0.2", want: `(?s)8000/tcp open .*8001/tcp closed `},
		{name: "nmap -sn, -sU", program: "nmap", client: "nmap -n -sn 10.1.0.1; nmap -n -Pn -sU -p 9 10.2.0.2",
			want: `(?s)Host is up .*MAC Address: .*9/udp +closed`},
		{name: "nmap --traceroute", program: "nmap", // its select and libpcap's poll must agree about the ring
			client: "for i in 1 2 3; do nmap -n -Pn -sS -p 9 --traceroute 10.2.0.2; done", want: `(?s)(1 .* 10\.1\.0\.1\n2 .* 10\.0\.0\.2\n3 .* 10\.2\.0\.2\n.*){3}`},
		{name: "hping3 -S", program: "hping3", client: "hping3 -c 1 -S -p 9 10.2.0.2", want: `len=40 ip=10\.2\.0\.2 ttl=62 DF id=0 sport=9 flags=RA seq=0 win=0`},
		{name: "hping3 -1", program: "hping3", client: "hping3 -c 1 -1 10.2.0.2", want: `len=28 ip=10\.2\.0\.2 ttl=62 id=\d+ icmp_seq=0`},
		{name: "hping3 -2", program: "hping3", client: "hping3 -c 1 -2 -p 9 10.2.0.2", want: `ICMP Port Unreachable from ip=10\.2\.0\.2`},
		{name: "tunctl", program: "tunctl", client: "tunctl -t tap0 -u 1000; ip tuntap show; ip -br link show tap0; tunctl -d tap0; ip tuntap show",
			want: `(?s)^Set 'tap0' persistent and owned by uid 1000\ntap0: tap (one_queue )?persist user 1000\ntap0 +DOWN .*<BROADCAST,MULTICAST>.*\nSet 'tap0' nonpersistent\n$`},
		{name: "ip tuntap", program: "ip", client: "ip tuntap add dev t0 mode tun user 1000 group 7 pi multi_queue; ip tuntap show; ip -d link show t0; ip tuntap del dev t0 mode tun multi_queue; ip tuntap show",
			want: `(?s)^t0: tun pi multi_queue persist filter user 1000 group 7\n.*link/none.*tun type tun pi on vnet_hdr off multi_queue numqueues 0 numdisabled 0 persist on user .* numtxqueues 256 [^\n]*\n$`},
	}
}

// sniffed runs a sniffer, and pings until it has ended.
func sniffed(sniffer string) string {
	return sniffer + " & sleep 1; while kill -0 $! 2>/dev/null; do ping -c1 10.2.0.2 >/dev/null; done; wait"
}

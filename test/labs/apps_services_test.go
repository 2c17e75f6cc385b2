//go:build linux

package labs

// services are the programs of docs/programs.md that serve by way of others (inetd, a spawned child), give out addresses,
// speak TLS, or find each other on a cable.
func services() []app {
	return []app{
		{name: "dhclient, dnsmasq", program: "dhclient dnsmasq", setup: dhcpScript, server: minded(dhcpServer), port: "udp 67",
			client: "dhclient -1 -v -sf $D/script -lf $D/l -pf $D/p eth2 2>&1; ip -br addr show eth2; ping -qc1 10.3.0.2; dhclient -r -v -sf $D/script -lf $D/l -pf $D/p eth2 2>&1; ip -br addr show eth2",
			want:   `(?s)DHCPDISCOVER on eth2 to 255\.255\.255\.255 .*DHCPACK of 10\.3\.0\.50 from 10\.3\.0\.2\nbound to 10\.3\.0\.50 -- renewal in .*10\.3\.0\.50/24.*1 received.*DHCPRELEASE of 10\.3\.0\.50 on eth2 to 10\.3\.0\.2 port 67\n(?-s:eth2@.*UP +(fe80\S+)? *\n)$`,
			served: `DHCPRELEASE\(eth2\) 10\.3\.0\.50`},
		{name: "udhcpc (busybox), dnsmasq", program: "busybox dnsmasq", setup: dhcpScript, server: minded(dhcpServer), port: "udp 67",
			client: "busybox udhcpc -f -q -n -R -i eth2 -s $D/script 2>&1; ip -br addr show eth2; ip addr flush dev eth2 scope global",
			want:   `(?s)udhcpc: lease of 10\.3\.0\.50 obtained from 10\.3\.0\.2, lease time 3600`},
		{name: "musl, dynamic: threads, getaddrinfo", program: "musl-gcc dnsmasq", setup: "musl-gcc -O1 -o $D/upper testdata/upper.c", server: nameServerAnd("$D/upper 7003"), port: "tcp 7003",
			client: "$D/upper h2.test 7003", want: `^lo eth. eth. .*127\.0\.0\.1 10\.1\.0\.2 .*8 answers\n$`},
		{name: "musl, static: threads, getaddrinfo", program: "musl-gcc dnsmasq", setup: "musl-gcc -O1 -static -o $D/upper testdata/upper.c", server: nameServerAnd("$D/upper 7003"), port: "tcp 7003",
			client: "$D/upper h2.test 7003", want: `^lo eth. eth. .*127\.0\.0\.1 10\.1\.0\.2 .*8 answers\n$`},
		{name: "posix_spawn (vfork) for each connection, glibc", program: "gcc dnsmasq", setup: "gcc -O1 -pthread -o $D/upper testdata/upper.c", server: nameServerAnd("$D/upper -spawn 7003"), port: "tcp 7003",
			client: "$D/upper h2.test 7003", want: `8 answers`},
		{name: "posix_spawn (vfork) for each connection, musl", program: "musl-gcc dnsmasq", setup: "musl-gcc -O1 -static -o $D/upper testdata/upper.c", server: nameServerAnd("$D/upper -spawn 7003"), port: "tcp 7003",
			client: "$D/upper h2.test 7003", want: `8 answers`},
		{name: "static Go server and client", program: "go dnsmasq", setup: "CGO_ENABLED=0 go build -o $D/goweb ./testdata/goweb", server: nameServerAnd("$D/goweb :7004"), port: "tcp 7004",
			client: "$D/goweb http://h2.test:7004/", want: `(?s)eth1 up\|broadcast\|multicast\|running \[10\.1\.0\.2/24.*50 answers`},
		{name: "inetd: a stream for each, sshd -i", program: "inetd ssh", setup: sshKeys + "\n" + inetd, server: "mkdir -p /run/sshd; exec inetd -i $D/inetd.conf", port: "tcp 9011",
			client: "echo hello | nc.openbsd -N 10.2.0.2 9011; echo hello | nc.openbsd -N 10.2.0.2 9012; ssh -i $D/key -p 9022 " + sshOptions + " 10.2.0.2 ip -br addr show eth1",
			want:   `(?s)^HELLO\nfrom 10\.1\.0\.2\nhello\n.*10\.2\.0\.2/24`},
		{name: "inetd: a datagram socket handed on (wait)", program: "inetd", setup: inetd, server: "exec inetd -i $D/inetd.conf", port: "udp 9013",
			client: "for i in 1 2; do echo hello | nc.openbsd -u -W1 -w 30 10.2.0.2 9013; done", want: `HELLO\nHELLO\n`},
		{name: "socat, EXEC with the socket itself", program: "socat", server: "exec socat TCP-LISTEN:9002,reuseaddr,fork EXEC:'tr a-z A-Z',nofork", port: "tcp 9002",
			client: "for i in 1 2 3; do echo hello | socat -t 30 STDIO TCP:10.2.0.2:9002; done", want: `HELLO\nHELLO\nHELLO\n`},
		{name: "socat, SSL", program: "socat openssl", setup: certificates, server: "exec socat OPENSSL-LISTEN:9003,reuseaddr,cert=$D/h2.pem,cafile=$D/ca.crt EXEC:'tr a-z A-Z'", port: "tcp 9003",
			client: "echo hello | socat -t 30 STDIO OPENSSL:10.2.0.2:9003,cert=$D/h1.pem,cafile=$D/ca.crt,commonname=h2", want: `HELLO`},
		{name: "socat, a tunnel of TUN devices", program: "socat ping", server: "exec socat UDP-LISTEN:9004 TUN:10.8.4.2/24,up", port: "udp 9004",
			client: "socat UDP:10.2.0.2:9004 TUN:10.8.4.1/24,up & " + tunnelPing("10.8.4.2"), want: `3 packets transmitted, 3 received, 0% packet loss`},
		{name: "openssl s_server, s_client", program: "openssl", setup: certificates, server: "exec openssl s_server -accept 4433 -cert $D/h2.crt -key $D/h2.key -www", port: "tcp 4433",
			client: "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -ign_eof -connect 10.2.0.2:4433 -CAfile $D/ca.crt -verify_return_error 2>&1", want: `(?s)Verify return code: 0 \(ok\).*HTTP/1\.0 200 ok`},
		{name: "curl, nginx with TLS and HTTP/2", program: "curl nginx openssl", setup: "echo hello >$D/index.html; " + certificates + "; " + nginxConf + "; sed -i 's,listen 8080;,listen 8443 ssl http2; ssl_certificate h2.crt; ssl_certificate_key h2.key;,' $D/nginx.conf", server: "exec nginx -p $D -e stderr -c $D/nginx.conf", port: "tcp 8443",
			client: "curl -si --cacert $D/ca.crt --resolve h2:8443:10.2.0.2 https://h2:8443/", want: `(?s)^HTTP/2 200.*hello`},
		{name: "openvpn (TLS)", program: "openvpn openssl ping", setup: certificates, server: "exec openvpn --dev tun --topology subnet --server 10.8.5.0 255.255.255.0 --port 1196 --dh none " + vpnKeys("h2"), port: "udp 1196",
			client: "openvpn --client --nobind --dev tun --remote 10.2.0.2 1196 --remote-cert-eku 'TLS Web Server Authentication' " + vpnKeys("h1") + " & " + tunnelPing("10.8.5.1"),
			want:   `3 packets transmitted, 3 received, 0% packet loss`, served: `\[h1\] Peer Connection Initiated`},
		{name: "openvpn (TLS over TCP, tap)", program: "openvpn openssl ping", setup: certificates, server: "exec openvpn --dev tap --proto tcp-server --server 10.8.6.0 255.255.255.0 --port 1197 --dh none " + vpnKeys("h2"), port: "tcp 1197",
			client: "openvpn --client --nobind --dev tap --proto tcp-client --remote 10.2.0.2 1197 " + vpnKeys("h1") + " & " + tunnelPing("10.8.6.1"),
			want:   `3 packets transmitted, 3 received, 0% packet loss`},
		{name: "iperf", program: "iperf", server: "exec iperf -s", port: "tcp 5001", client: "iperf -c 10.2.0.2 -n 20M", want: `(?m) 20\.0 MBytes .*bits/sec`},
		{name: "iperf -u", program: "iperf", server: "exec iperf -s -u", port: "udp 5001", client: "iperf -c 10.2.0.2 -u -n 500K -b 20M", want: `(?s)Server Report.* 0/ *\d+ \(0%\)`},
		{name: "ncat", program: "ncat", server: "exec ncat -4lv 9005 2>&1", port: "tcp 9005", client: "echo hello | ncat --send-only 10.2.0.2 9005", served: `(?s)Ncat: Connection from 10\.1\.0\.2.*hello`},
		{name: "ncat --ssl", program: "ncat openssl", setup: certificates, server: "exec ncat -4l 9006 --ssl --ssl-cert $D/h2.crt --ssl-key $D/h2.key", port: "tcp 9006",
			client: "echo hello | ncat --send-only --ssl --ssl-verify --ssl-trustfile $D/ca.crt --ssl-servername h2 10.2.0.2 9006", served: `hello`},
		{name: "git daemon, git clone", program: "git", setup: gitRepository, server: "exec git daemon --export-all --reuseaddr --base-path=$D", port: "tcp 9418", client: "git clone -q git://10.2.0.2/x $D/y && git -C $D/y fsck 2>&1 && git -C $D/y log --format=%s", want: `first\n$`},
		{name: "rsync daemon", program: "rsync", setup: "mkdir $D/from; seq 100000 >$D/from/numbers; printf 'use chroot = no\nuid = root\n[m]\npath = %s\n' $D/from >$D/rsyncd.conf", server: "exec rsync --daemon --no-detach --config=$D/rsyncd.conf --port=8730", port: "tcp 8730",
			client: "rsync -a rsync://10.2.0.2:8730/m/ $D/to && cmp $D/from/numbers $D/to/numbers && echo equal", want: `equal`},
		{name: "host, nslookup, getent", program: "host nslookup dnsmasq", server: minded(nameServer), port: "udp 53",
			client: "host h2.test; host 10.2.0.2; nslookup h2.test; getent ahostsv4 h2.test; busybox nslookup h2.test", want: `(?s)h2\.test has address 10\.2\.0\.2.*domain name pointer h2\.test.*Server:\s+10\.2\.0\.2.*10\.2\.0\.2 +STREAM h2\.test.*10\.2\.0\.2`, loose: true},
		{name: "curl by name, telnet", program: "curl busybox dnsmasq", setup: "echo hello >$D/index.html", server: nameServerAnd("busybox httpd -f -p 8000 -h $D"), port: "tcp 8000",
			client: "curl -s http://h2.test:8000/; (printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.5) | busybox telnet h2.test 8000", want: `(?s)hello.*HTTP/1\.[01] 200 OK`, loose: true},
		{name: "sockperf", program: "sockperf", server: "exec sockperf server -p 11111", port: "udp 11111", client: "sockperf ping-pong -i 10.2.0.2 -p 11111 -t 1 2>&1", want: `(?s)dropped messages = 0.*percentile 50\.0`},
		{name: "sockperf --tcp", program: "sockperf", server: "exec sockperf server --tcp -p 11111", port: "tcp 11111", client: "sockperf ping-pong --tcp -i 10.2.0.2 -p 11111 -t 1 2>&1", want: `(?s)dropped messages = 0.*percentile 50\.0`},
		{name: "keepalived (VRRP)", program: "keepalived", setup: "cat >$D/vrrp.conf <<'E'\n" + keepalivedConf + "E\nsed 's/priority 200/priority 100/' $D/vrrp.conf >$D/low.conf; chmod 644 $D/*.conf", server: "exec keepalived -nlG -P -f $D/low.conf -p $D/p2 -r $D/v2 2>&1",
			client: "ip addr add 10.3.0.1/24 dev eth2; keepalived -nlG -P -f $D/vrrp.conf -p $D/p1 -r $D/v1 2>&1 & p=$!; until ip -br addr show eth2 | grep 10.3.0.99; do sleep 0.1; done; kill $p; wait $p; ip addr flush dev eth2 scope global", want: `(?s)Entering MASTER STATE.*10\.3\.0\.99/24`, served: `Entering MASTER STATE`, loose: true},
	}
}

// dhcpScript is what a DHCP client calls (dhclient-script(8), udhcpc(8)): it touches nothing but the interface.
const dhcpScript = `cat >$D/script <<'E'
#!/bin/sh
case ${reason:-$1} in
PREINIT) ip link set $interface up ;;
BOUND | RENEW) ip addr add $new_ip_address/24 dev $interface ;;
bound) ip addr add $ip/24 dev $interface ;;
RELEASE | STOP | EXPIRE) ip addr flush dev $interface scope global ;;
esac
E
chmod 755 $D/script`

const dhcpServer = "dnsmasq -k -C /dev/null -u root --port=0 --interface=eth2 --dhcp-range=10.3.0.50,10.3.0.60,1h --dhcp-sequential-ip --no-ping --dhcp-leasefile=$D/leases --pid-file --log-facility=- --log-dhcp 2>&1"

// minded keeps the shell beside a server that changes its credentials, which takes away the signal of its parent's death
// (PR_SET_PDEATHSIG): the shell passes its own on.
func minded(server string) string { return server + " & trap \"kill $!\" TERM; wait" }

// nameServerAnd runs a second server beside the name server; both end together.
func nameServerAnd(server string) string {
	return nameServer + " & n=$!; " + server + " & trap \"kill $n $!\" TERM; wait"
}

const nameServer = "dnsmasq -k -C /dev/null -h -u root --no-resolv --pid-file --local=/test/ --host-record=h2.test,10.2.0.2"

const sshKeys = "ssh-keygen -q -t ed25519 -N '' -f $D/key; cp $D/key.pub $D/authorized"

const sshOptions = "-o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"

// inetd is a script that makes inetd's configuration.
const inetd = `cat >$D/peer <<'E'
#!/bin/sh
/usr/bin/python3 -c 'import socket; print("from", socket.socket(fileno=0).getpeername()[0], flush=True)'
cat
E
cat >$D/datagram <<'E'
#!/usr/bin/python3
import socket
s = socket.socket(fileno=0)
data, peer = s.recvfrom(100)
s.sendto(data.upper(), peer)
E
chmod 755 $D/peer $D/datagram
cat >$D/inetd.conf <<E
9011 stream tcp nowait root /usr/bin/tr tr a-z A-Z
9012 stream tcp nowait root $D/peer peer
9013 dgram udp wait root $D/datagram datagram
9022 stream tcp nowait root /usr/sbin/sshd sshd -i -h $D/key -o AuthorizedKeysFile=$D/authorized -o StrictModes=no -o UsePAM=no
E
`

// certificates makes an authority and a server's (h2) and a client's (h1) key and certificate.
const certificates = `cd $D; new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch "$@" 2>/dev/null; }
new -x509 -days 30 -subj /CN=ca -keyout ca.key -out ca.crt
for n in h1 h2; do
  case $n in h1) u=clientAuth ;; *) u=serverAuth ;; esac
  printf 'extendedKeyUsage=%s\nkeyUsage=digitalSignature\nsubjectAltName=DNS:%s\n' $u $n >ext
  new -subj /CN=$n -keyout $n.key -out $n.csr
  openssl x509 -req -in $n.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out $n.crt 2>/dev/null
  cat $n.key $n.crt >$n.pem
done; cd "$OLDPWD"`

func vpnKeys(node string) string {
	return "--ca $D/ca.crt --cert $D/" + node + ".crt --key $D/" + node + ".key"
}

const gitRepository = "git init -q $D/x; cd $D/x; seq 20000 >f; git add f; git -c user.name=a -c user.email=a@x commit -qm first; cd /"

const keepalivedConf = `global_defs {
  vrrp_version 3
}
vrrp_instance v {
  state BACKUP
  interface eth2
  virtual_router_id 51
  priority 200
  advert_int 0.1
  virtual_ipaddress {
    10.3.0.99/24
  }
}
`

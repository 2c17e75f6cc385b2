//go:build linux

package labs

// app is a conversation of two unmodified programs on two hosts behind two routers: one may wait on h2, the other runs on h1.
// $D is a directory of the test's own, the same on both.
type app struct {
	name    string
	program string // those that the machine must have
	setup   string // shell command before, on the machine
	server  string // on h2, by exec of sh; "" for none
	port    string // that the server listens on: "tcp 80", "udp 53"; "" without one
	client  string // shell command on h1
	want    string // regular expression that the client's output must match
	served  string // and one for the server's, "" for none
	loose   bool   // the client's status says nothing
}

// apps is the table of docs/programs.md: each line runs on linen and on the machine's own kernel.
func apps() []app {
	return []app{
		{name: "curl, python3 http.server", program: "curl", setup: "echo hello >$D/index.html", server: "exec python3 -u -m http.server -d $D 8000", port: "tcp 8000",
			client: "curl -si http://10.2.0.2:8000/", want: `(?s)HTTP/1\.0 200 OK.*hello`, served: `"GET / HTTP/1\.1" 200`},
		{name: "wget, busybox httpd", program: "wget", setup: "echo hello >$D/index.html", server: "exec busybox httpd -f -p 8000 -h $D", port: "tcp 8000",
			client: "wget -qO- http://10.2.0.2:8000/", want: `hello`},
		{name: "busybox wget, nginx", program: "nginx", setup: "echo hello >$D/index.html; " + nginxConf, server: "exec nginx -p $D -e stderr -c $D/nginx.conf", port: "tcp 8080",
			client: "busybox wget -qO- http://10.2.0.2:8080/index.html", want: `hello`},
		{name: "ab, nginx", program: "ab", setup: "echo hello >$D/index.html; " + nginxConf, server: "exec nginx -p $D -e stderr -c $D/nginx.conf", port: "tcp 8080",
			client: "ab -q -n 300 -c 8 http://10.2.0.2:8080/index.html", want: `(?s)Complete requests: +300.*Failed requests: +0`},
		{name: "wrk, nginx", program: "wrk", setup: "echo hello >$D/index.html; " + nginxConf, server: "exec nginx -p $D -e stderr -c $D/nginx.conf", port: "tcp 8080",
			client: "wrk -t2 -c8 -d1 http://10.2.0.2:8080/index.html", want: `Requests/sec: +[1-9]`},
		{name: "nc (OpenBSD)", program: "nc.openbsd", server: "exec nc.openbsd -lvn 9001", port: "tcp 9001",
			client: "echo hello | nc.openbsd -N 10.2.0.2 9001", served: `(?s)Connection received on 10\.1\.0\.2.*hello`},
		{name: "nc (OpenBSD), UDP", program: "nc.openbsd", server: "exec nc.openbsd -lu 9001", port: "udp 9001",
			client: "echo hello | nc.openbsd -u -q0 10.2.0.2 9001", served: `hello`},
		{name: "nc (OpenBSD), refused", program: "nc.openbsd", client: "nc.openbsd -vn 10.2.0.2 9 2>&1", want: `connect to 10\.2\.0\.2 port 9 \(tcp\) failed: Connection refused`, loose: true},
		{name: "nc (traditional)", program: "nc.traditional", server: "exec nc.traditional -l -p 9001", port: "tcp 9001",
			client: "echo hello | nc.traditional -q 0 10.2.0.2 9001", served: `hello`},
		{name: "socat, TCP", program: "socat", server: "exec socat TCP-LISTEN:9002,reuseaddr EXEC:'tr a-z A-Z'", port: "tcp 9002",
			client: "echo hello | socat -t 30 STDIO TCP:10.2.0.2:9002", want: `HELLO`},
		{name: "socat, UDP", program: "socat", server: "exec socat -u UDP-RECV:9002 STDOUT", port: "udp 9002",
			client: "echo hello | socat -u STDIN UDP-SENDTO:10.2.0.2:9002", served: `hello`},
		{name: "iperf3", program: "iperf3", server: "exec iperf3 -s -1", port: "tcp 5201",
			client: "iperf3 -c 10.2.0.2 -n 20M -P 8", want: `(?s)SUM.*sender.*receiver.*iperf Done`},
		{name: "iperf3 -R", program: "iperf3", server: "exec iperf3 -s -1", port: "tcp 5201", client: "iperf3 -c 10.2.0.2 -n 20M -R", want: `iperf Done`},
		{name: "iperf3 --bidir", program: "iperf3", server: "exec iperf3 -s -1", port: "tcp 5201", client: "iperf3 -c 10.2.0.2 -t 1 --bidir", want: `(?s)\[TX-C\].*\[RX-C\].*iperf Done`},
		{name: "iperf3 -u", program: "iperf3", server: "exec iperf3 -s -1", port: "tcp 5201", client: "iperf3 -c 10.2.0.2 -u -n 1M -b 50M", want: `0/\d+ \(0%\).*receiver`},
		{name: "nuttcp", program: "nuttcp", server: "exec nuttcp -1 --nofork", port: "tcp 5000", client: "nuttcp -n 100 10.2.0.2", want: `Mbps`},
		{name: "redis-server, redis-cli", program: "redis-server", server: "exec redis-server --port 6379 --save '' --protected-mode no --dir $D", port: "tcp 6379",
			client: "redis-cli -h 10.2.0.2 set a 5; redis-cli -h 10.2.0.2 incr a", want: `(?s)OK.*6`},
		{name: "redis-benchmark", program: "redis-benchmark", server: "exec redis-server --port 6379 --save '' --protected-mode no --dir $D", port: "tcp 6379",
			client: "redis-benchmark --csv -h 10.2.0.2 -n 2000 -t set,get", want: `(?s)"SET","[1-9].*"GET","[1-9]`},
		{name: "ssh, sshd", program: "ssh", setup: "ssh-keygen -q -t ed25519 -N '' -f $D/key; cp $D/key.pub $D/authorized; mkdir -p /run/sshd",
			server: "mkdir -p /run/sshd; exec /usr/sbin/sshd -D -e -p 2222 -h $D/key -o AuthorizedKeysFile=$D/authorized -o StrictModes=no -o PidFile=none -o UsePAM=no", port: "tcp 2222",
			client: "ssh -i $D/key -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 10.2.0.2 ip -br addr show eth1", want: `10\.2\.0\.2/24`},
		{name: "dnsmasq, dig", program: "dig", server: minded("dnsmasq -k -C /dev/null -h -u root --no-resolv --pid-file --address=/x.test/10.9.9.9"), port: "udp 53",
			client: "dig +short @10.2.0.2 x.test; dig +tcp +short @10.2.0.2 x.test", want: `10\.9\.9\.9\n10\.9\.9\.9`},
		{name: "python3 asyncio", program: "python3", setup: "cat >$D/up.py <<'E'\n" + asyncioServer + "E\n", server: "exec python3 $D/up.py", port: "tcp 7000",
			client: "echo hello | nc.openbsd -N 10.2.0.2 7000", want: `HELLO`},
		{name: "node", program: "node", server: `exec node -e 'require("http").createServer((q, s) => s.end("from node\n")).listen(7001)'`, port: "tcp 7001",
			client: "curl -s http://10.2.0.2:7001/", want: `from node`},
		{name: "chronyd", program: "chronyd", server: "exec chronyd -d -x -u root -f /dev/null 'local stratum 1' 'allow' 'bindcmdaddress /' 'cmdport 0' \"pidfile $D/s\"", port: "udp 123",
			client: "chronyd -Q -t 30 -u root -f /dev/null 'server 10.2.0.2 iburst' 'bindcmdaddress /' 'cmdport 0' \"pidfile $D/c\" 2>&1", want: `System clock wrong by -?0\.0`},
		{name: "openvpn (static key)", program: "openvpn ping", setup: "openvpn --genkey secret $D/key",
			server: "exec openvpn --dev tun --proto udp --port 1194 --remote 10.1.0.2 --ifconfig 10.8.0.2 10.8.0.1 --cipher AES-256-CBC --secret $D/key", port: "udp 1194",
			client: "openvpn --dev tun --proto udp --port 1194 --remote 10.2.0.2 --ifconfig 10.8.0.1 10.8.0.2 --cipher AES-256-CBC --secret $D/key & " + tunnelPing("10.8.0.2"),
			want:   `3 packets transmitted, 3 received, 0% packet loss`, served: `Initialization Sequence Completed`},
		{name: "openvpn (tap)", program: "openvpn ping", setup: "openvpn --genkey secret $D/key",
			server: "exec openvpn --dev tap --proto udp --port 1195 --remote 10.1.0.2 --ifconfig 10.8.1.2 255.255.255.0 --cipher AES-256-CBC --secret $D/key", port: "udp 1195",
			client: "openvpn --dev tap --proto udp --port 1195 --remote 10.2.0.2 --ifconfig 10.8.1.1 255.255.255.0 --cipher AES-256-CBC --secret $D/key & " + tunnelPing("10.8.1.2"),
			want:   `3 packets transmitted, 3 received, 0% packet loss`, served: `Initialization Sequence Completed`},
		{name: "wireguard-go, wg", program: "wireguard-go wg ping", setup: "cd $D; for i in 1 2; do wg genkey >k$i; wg pubkey <k$i >p$i; done",
			server: wireguard("wg2", "k2", "10.8.2.2/24", "p1", "10.8.2.1/32", "") + " exec wireguard-go -f wg2 2>&1", port: "udp 51820",
			client: wireguard("wg1", "k1", "10.8.2.1/24", "p2", "10.8.2.2/32", "endpoint 10.2.0.2:51820") + " wireguard-go -f wg1 >/dev/null 2>&1 & " + tunnelPing("10.8.2.2"),
			want:   `3 packets transmitted, 3 received, 0% packet loss`},
	}
}

// tunnelPing waits for the tunnel whose daemon runs in the background, sends three pings and ends the daemon.
func tunnelPing(to string) string {
	return "p=$!; while kill -0 $p && ! ping -c1 -W1 " + to + " >/dev/null; do sleep 0.1; done; ping -c3 -i0.2 " + to + "; r=$?; kill $p; wait; exit $r"
}

// wireguard configures an interface in the background, as soon as its daemon is there.
func wireguard(dev, key, addr, peer, allowed, endpoint string) string {
	return "(until wg set " + dev + " listen-port 51820 private-key $D/" + key + " peer $(cat $D/" + peer + ") allowed-ips " + allowed + " " + endpoint +
		" 2>/dev/null; do sleep 0.1; done; ip addr add " + addr + " dev " + dev + "; ip link set " + dev + " up) &"
}

const nginxConf = `echo 'user root; daemon off; pid nginx.pid; worker_processes 2; events {} http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;` +
	` server { listen 8080; root .; sendfile on; } }' >$D/nginx.conf`

const asyncioServer = `import asyncio

async def serve(reader, writer):
    writer.write((await reader.read()).upper())
    await writer.drain()
    writer.close()

async def main():
    async with await asyncio.start_server(serve, port=7000) as server:
        await server.serve_forever()

asyncio.run(main())
`

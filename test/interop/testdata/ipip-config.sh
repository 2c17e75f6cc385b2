# Every form of `ip tunnel` and `ip link ... type ipip` on one host. Recorded with Linux 6.12 by
#   refkernel run -k ipv6.disable=1
run() { echo "$ $*"; "$@" 2>&1; r=$?; [ $r = 0 ] || echo "= $r"; }
ip link add x type ipip remote 9.9.9.9
ip link del x
run ip link add d0 type dummy
run ip link set d0 mtu 1400 up
run ip addr add 10.0.0.1/24 dev d0
run ip tunnel show
run ip link add t0 type ipip local 10.0.0.1 remote 10.0.0.2
run ip -d link show t0
run ip link add t1 type ipip local 10.0.0.1 remote 10.0.0.2
run ip link add t1 type ipip local 10.0.0.1 remote 10.0.0.3 ttl 64 tos inherit nopmtudisc dev d0
run ip -d link show t1
run ip link add t2 type ipip remote 10.0.0.4 tos 0x10 nopmtudisc
run ip -d link show t2
run ip link add t3 type ipip local 10.0.0.1
run ip -d link show t3
run ip link add t4 type ipip remote 224.1.1.1 mode any
run ip -d link show t4
run ip link add type ipip remote 10.0.0.6 mode ipip fwmark 7
run ip -d link show ipip0
run ip link add t7 type ipip remote 10.0.0.7 mtu 3000
run ip -d link show t7
run ip link add t8 type ipip remote 10.0.0.8 mtu 60
run ip link add t9 address 10.0.0.9 type ipip remote 10.0.0.9
run ip -d link show t9
run ip link add ta type ipip remote 10.0.0.10 ikey 5
run ip tunnel add u0 mode ipip local 10.0.0.1 remote 10.0.0.20
run ip -d link show u0
run ip tunnel add u1 mode ipip local 10.0.0.1 remote 10.0.0.20
run ip tunnel add u1 mode ipip local 10.0.0.1 remote 10.0.0.21 ttl 5 tos 4 dev d0
run ip -d link show u1
run ip tunnel add u2 mode ipip remote 10.0.0.22 nopmtudisc
run ip tunnel add mode ipip remote 10.0.0.23
run ip tunnel add u4 mode any remote 10.0.0.24
run ip tunnel add u5 mode ipip remote 10.0.0.25 ttl 5 nopmtudisc
run ip tunnel add u6 mode ipip remote 10.0.0.26 key 5
run ip tunnel add lo mode ipip remote 10.0.0.27
run ip tunnel show
run ip tunnel show u1
run ip tunnel show tunl0
run ip tunnel show nosuch
run ip -s tunnel show u1
run ip tunnel change u1 mode ipip remote 10.0.0.31 local 10.0.0.1 ttl 9
run ip tunnel show u1
run ip tunnel change u1 mode ipip remote 10.0.0.20 local 10.0.0.1
run ip tunnel change u1 mode ipip
run ip tunnel change t3 mode ipip remote 10.0.0.44
run ip tunnel change nosuch mode ipip remote 10.0.0.44
run ip tunnel change tunl0 mode ipip remote 10.0.0.45
run ip tunnel change tunl0 mode ipip ttl 7
run ip tunnel show tunl0
run ip tunnel del u1
run ip tunnel del nosuch
run ip tunnel del tunl0
run ip tunnel del d0
run ip tunnel show
run ip link set t0 type ipip remote 10.0.0.51
run ip -d link show t0
run ip link set t0 type ipip local 10.0.0.1 remote 10.0.0.51 ttl 3 tos 8 nopmtudisc
run ip -d link show t0
run ip link set t0 type ipip local 10.0.0.1 remote 10.0.0.51 dev d0
run ip -d link show t0
run ip link set t0 type ipip local 10.0.0.1
run ip link set t3 type ipip local 10.0.0.1 remote 10.0.0.5
run ip link set t0 type ipip local 10.0.0.1 remote 10.0.0.3
run ip link set t0 type ipip local 10.0.0.1 remote 10.0.0.51 external
run ip link set tunl0 type ipip remote 10.0.0.5
run ip link set tunl0 type ipip ttl 5
run ip link set t0 mtu 60
run ip link set t0 mtu 65515
run ip link set t0 mtu 65516
run ip link set u0 mtu 67
run ip link set u0 mtu 65516
run ip link set u0 mtu 65515
run ip link set t0 up
run ip addr add 10.9.0.1/30 dev t0
run ip -d addr show t0
run ip addr add 10.9.1.1 peer 10.9.1.2 dev u0
run ip link set u0 up
run ip addr show u0
run ip route show dev u0
run ip link set tunl0 up
run ip addr show tunl0
run ip link set tunl0 name tt
run ip link set t0 address 10.0.0.77
run ip link set t0 broadcast 10.0.0.77
run ip link set t0 arp on
run ip -d link show t0
run ip link del tunl0
run ip link show tunl0
run ip -s link show t0
run cat /sys/class/net/t0/type /sys/class/net/t0/address /sys/class/net/t0/broadcast /sys/class/net/t0/iflink
run ip link del t0
run ip link add t0 type ipip local 10.0.0.9 remote 10.0.0.2
run ip link del t0

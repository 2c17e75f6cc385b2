#!/bin/sh
# The commands whose netlink requests requests.txt holds: run in a fresh
# namespace under strace -f -e trace=sendmsg,sendto -e write=3,4,5,6.
ip link add dz type dummy; ip link add d0 type veth peer name d9; ip link set d9 up; ip link set d0 up; ip addr add 10.0.0.1/24 dev d0; ip -6 addr add 2001:db8::1/64 dev d0
ip link add v0 type veth peer name v1; ip link set v0 mtu 1400 address 02:00:00:00:00:01 txqueuelen 50 alias hello
ip link add br0 type bridge stp_state 1; ip link set v0 master br0; ip link set v1 up; ip link set v0 nomaster
ip link property add dev d0 altname dummyzero
ip -d -s link; ip -d addr; ip link show type veth; ip link show master br0; ip link show dev d0
ip route add 10.9.0.0/16 via 10.0.0.2; ip route add 10.8.0.0/16 nexthop via 10.0.0.2 weight 2 nexthop dev d0 weight 3
ip route replace default via 10.0.0.254 metric 7 mtu 1300 advmss 1200; ip route append 10.9.0.0/16 via 10.0.0.3; ip route change 10.9.0.0/16 via 10.0.0.4
ip route add blackhole 10.7.0.0/16; ip route add unreachable 10.6.0.0/16 table 777; ip route show table all; ip -6 route show; ip route get 10.9.1.1; ip route get fibmatch 10.9.1.1; ip route show table 777; ip route flush table 777
ip route add 9.9.9.0/24 via 99.0.0.1; ip -6 route add 2001:db8:1::/48 via 2001:db8::2; ip route del 10.8.0.0/16
ip rule add from 10.0.0.0/8 table 100 pref 50; ip rule add fwmark 1/3 lookup 5; ip rule; ip rule del pref 50; ip -6 rule
ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev d0; ip neigh; ip neigh change 10.0.0.9 dev d0 nud stale; ip neigh get 10.0.0.9 dev d0; ip neigh del 10.0.0.9 dev d0; ip ntable; ip ntable change name arp_cache thresh1 200
ip nexthop add id 5 via 10.0.0.2 dev d0; ip nexthop; ip nexthop del id 5
ip netconf; ip maddr; ip mroute; ip addrlabel; ip tcp_metrics; ip netns list-id; ip stats show dev d0
ip addr del 10.0.0.1/24 dev d0; ip addr flush dev d0; ip link set d0 name d1; ip link set d1 down; ip link del d1; ip link del br0
ss -tan; ss -uan; ss -xa; tc qdisc; bridge link; bridge fdb; bridge vlan; ip link set nosuch up; ip link add x type nosuch
genl ctrl list
ip link add vl0 link v1 type vlan id 5; ip link add vx0 type vxlan id 7 dstport 4789; ip link add mv0 link v1 type macvlan mode bridge; ip link add bond0 type bond; ip link add vrf0 type vrf table 9

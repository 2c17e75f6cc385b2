//go:build linux

package interop

import "testing"

// nexthops are `ip nexthop` in all its forms, and routes by next hop objects.
const nexthops = `
ip link add d0 type veth peer name d9
ip link set lo up
ip link set d9 up
ip link set d0 up
ip addr add 10.1.0.2/24 dev d0
ip nexthop
ip nexthop add id 1 via 10.1.0.1 dev d0
ip nexthop add id 1 via 10.1.0.1 dev d0
ip nexthop add id 2 via 10.1.0.3 dev d0 proto 99
ip nexthop add id 3 dev d0
ip nexthop add id 4 blackhole
ip nexthop add id 5 via 10.9.0.1 dev d0 onlink
ip nexthop add id 6 via 10.9.0.1 dev d0
ip nexthop add via 10.1.0.4 dev d0
ip nexthop add id 10 group 1/2
ip nexthop add id 11 group 1,3/2,256
ip nexthop add id 12 group 1/99
ip nexthop add id 12 group 1/4
ip nexthop add id 12 group 10
ip nexthop add id 20 group 1/2 type resilient buckets 8 idle_timer 60 unbalanced_timer 300
ip nexthop add id 21 group 1/2 type resilient
ip nexthop add id 30 via 10.1.0.7 fdb
ip nexthop add id 31 group 30 fdb
ip nexthop
ip -d nexthop
ip -j nexthop
ip nexthop show dev d0
ip nexthop show groups
ip nexthop show proto 99
ip nexthop show fdb
ip nexthop get id 11
ip nexthop get id 77
ip nexthop bucket show id 20 | sed "s/idle_time [^ ]*//"
ip nexthop bucket show nhid 2 | sed "s/idle_time [^ ]*//"
ip nexthop bucket get id 20 index 9
ip route add 10.2.0.0/24 nhid 1
ip route add 10.3.0.0/24 nhid 11 metric 5
ip route add 10.4.0.0/24 nhid 4
ip route add 10.5.0.0/24 nhid 77
ip route add 10.5.0.0/24 nhid 30
ip route add 10.6.0.0/24 nhid 20
ip -4 route
ip -4 -d route
ip route get 10.2.0.1
ip route get fibmatch 10.3.0.1
ip route get 10.4.0.1
ip nexthop replace id 1 via 10.1.0.9 dev d0
ip nexthop replace id 1 group 2
ip nexthop replace id 10 group 3
ip -4 route
ip nexthop del id 2
ip nexthop
ip -4 route
ip nexthop del id 2
ip nexthop flush proto 99
ip link set d0 down
ip nexthop
ip -4 route
ip nexthop flush
ip nexthop
`

// TestNexthops: next hop objects by the real ip.
func TestNexthops(t *testing.T) { sameAnswers(t, nexthops) }

// rules are selectors of `ip rule`, what it lists, saves, flushes and restores.
const rules = `
ip rule add pref 10 from 10.0.0.0/8 lookup 100
ip rule add pref 20 to 10.9.0.0/16 fwmark 0x10/0xf0 lookup 100
ip rule add pref 30 iif lo oif lo tos 0x10 lookup 200
ip rule add pref 40 uidrange 1000-2000 lookup 200
ip rule add pref 50 ipproto tcp sport 80 dport 1000-2000 lookup 200
ip rule add pref 60 not from 10.1.0.0/16 blackhole
ip rule add pref 70 goto 90
ip rule add pref 90 lookup main suppress_prefixlength 0
ip rule add pref 95 goto 20
ip rule add pref 96 from 10.1.0.1/33 lookup 1
ip rule add pref 97 type nosuch
ip rule add pref 98 from 10.7.0.0/16 prohibit
ip rule add from 10.8.0.0/16 lookup 300 realms 5
ip rule
ip -d rule
ip -j rule
ip rule show table 100
ip rule list from 10.0.0.0/8
ip rule list iif lo
ip rule del pref 40
ip rule del pref 41
ip rule del from 10.0.0.0/8 lookup 101
saved=$(ip rule save | base64 -w0)
ip rule flush
ip rule
ip rule add pref 32766 lookup main
ip rule flush proto kernel
ip rule
echo $saved | base64 -d | ip rule restore
ip rule
`

// TestRules: policy rules by the real ip. A flush leaves the local table's.
func TestRules(t *testing.T) { sameAnswers(t, rules) }

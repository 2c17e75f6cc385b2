# What `ip monitor` hears of tunnels. Recorded as ipip-config.sh was.
ip link add x type ipip remote 9.9.9.9; ip link del x
ip link add d0 type dummy; ip link set d0 mtu 1400 up; ip addr add 10.0.0.1/24 dev d0
exec 3>&2 2>/dev/null
ip monitor link address route > mon &
monitor=$!
until [ -s mon ]; do ip link set lo mtu 60000; ip link set lo mtu 65536; sleep 0.05; done
exec 2>&3
ip link set lo mtu 50000 # where it begins
ip link add t0 type ipip local 10.0.0.1 remote 10.0.0.2
ip tunnel add t1 mode ipip local 10.0.0.1 remote 10.0.0.3 ttl 5
ip link set t0 up
ip addr add 10.9.0.1/30 dev t0
ip route add 192.168.7.0/24 dev t0
ip link set t0 type ipip local 10.0.0.1 remote 10.0.0.9 ttl 9
ip tunnel change t0 mode ipip local 10.0.0.1 remote 10.0.0.10
ip link set t0 type ipip local 10.0.0.1 remote 10.0.0.10 dev d0
ip link set t0 mtu 1300
ip link set t0 name t9
ip link set t1 alias other
ip link set t9 down; ip link set lo mtu 50001
ip link set t9 up; ip link set lo mtu 50002
ip link set d0 down
ip link set d0 up
ip link set tunl0 up
ip link set tunl0 type ipip ttl 5
ip tunnel change tunl0 mode ipip ttl 5
ip tunnel del t1
ip link del t9
ip link del tunl0
ip link set d0 mtu 1200
ip link del d0
ip link set lo mtu 40000 # and where it ends
until grep -q 'mtu 40000' mon; do sleep 0.05; done
kill $monitor
sed '1,/mtu 50000/d' mon | sed '/mtu 40000/,$d; s/[0-9a-f:]* brd ff:ff:ff:ff:ff:ff/MAC/'

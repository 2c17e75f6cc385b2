# Tunnels in three namespaces: their names, changes by tunl0, moves, and what goes with a namespace.
# Recorded as ipip-config.sh was.
run() { echo "$ $*"; "$@" 2>&1; r=$?; [ $r = 0 ] || echo "= $r"; }
for n in a b c; do ip netns add $n; ip -n $n link set lo up; done
ip -n a link add x type ipip remote 9.9.9.9; ip -n a link del x
for n in b c; do ip -n $n link add x type ipip remote 9.9.9.9; ip -n $n link del x; done
ip -n a link add e0 address 02:00:00:00:00:01 type veth peer name e0 address 02:00:00:00:00:02 netns b
ip -n a addr add 10.0.0.1/24 dev e0; ip -n b addr add 10.0.0.2/24 dev e0
ip -n b addr add 10.0.0.3/24 dev e0
ip -n a link set e0 up; ip -n b link set e0 up
I="ip -n a"
run $I link add t0 type ipip
run $I link add t0 type ipip local 10.0.0.1 remote 10.0.0.2 fwmark 5
run $I link add t0 type ipip local 10.0.0.1 remote 10.0.0.2 dev e0
run $I link add t1 type ipip local 10.0.0.1 remote 10.0.0.2
run $I -d link show t1
run $I link add tmt mtu 3000 type ipip remote 10.0.0.7
run $I link show tmt
run $I link add tmm mtu 60 type ipip remote 10.0.0.8
run $I link show tmm
run $I link add tmx mtu 70000 type ipip remote 10.0.0.9
run $I link show tmx
run $I link set t1 name t2
run $I tunnel show
run $I tunnel show t2
run $I tunnel show tunl0
run $I tunnel change tunl0 mode ipip ttl 7
run $I tunnel show
run $I -d link show tunl0
run $I tunnel change tunl0 mode ipip remote 10.0.0.2 local 10.0.0.1
run $I -d link show tunl0
run $I -d link show t2
run $I tunnel change tunl0 mode ipip remote 10.0.0.2 local 10.0.0.1 ttl 9
run $I tunnel change tunl0 mode ipip remote 10.0.0.77 local 10.0.0.1
run $I tunnel del tunl0
run $I tunnel del tunl0 mode ipip remote 10.0.0.7
run $I tunnel del tmt mode ipip remote 10.0.0.8
run $I link show
run $I link del tunl0
run $I link set tunl0 netns b
run $I link set tunl0 mtu 1000
run $I link set tunl0 mtu 1480
run $I tunnel add ip%d mode ipip remote 10.0.1.1
run $I tunnel add a/b mode ipip remote 10.0.1.2
run $I tunnel add abcdefghijklmnop mode ipip remote 10.0.1.3
run $I tunnel add ttt mode ipip remote 10.0.1.4 tos inherit ttl 255 dev nosuch
run $I tunnel add ttt mode ipip remote 10.0.1.4 tos inherit ttl 255 dev e0
run $I tunnel prl dev ttt
run $I -s tunnel show ttt
run $I tunnel change ttt mode ipip remote 10.0.0.2 local 10.0.0.1
run $I tunnel change ttt mode ipip remote 10.0.0.2 local 10.0.0.1 dev e0
run $I tunnel change ttt mode ipip remote any
run $I tunnel change ttt mode ipip remote 224.0.0.9
run $I tunnel show ttt
run $I link set ttt type ipip local 10.0.0.1 remote 10.0.0.2 dev e0
run $I link set ttt type ipip remote any
run $I link set ttt type ipip remote 10.0.1.9 mode any
run $I -d link show ttt
run $I link set ttt type ipip fwmark 9
run $I -d link show ttt
run $I link set ttt mtu 500
run $I link set ttt type ipip fwmark 10
run $I link show ttt
run $I link set ttt mtu 600 type ipip fwmark 11
run $I link show ttt
run $I link set ttt type veth
run $I link set ttt type dummy
run $I link del ttt
# moves
run $I link set t2 netns c
run ip -n c -d link show t2
run ip -n c tunnel show
run ip -n c tunnel show t2
run $I tunnel show
run $I link add t1 type ipip local 10.0.0.1 remote 10.0.0.2
run ip -n c link set t2 up
run ip -n c addr add 10.9.0.1/30 dev t2
run ip -n b link add t0 type ipip local 10.0.0.2 remote 10.0.0.1
run ip -n b link set t0 up
run ip -n b addr add 10.9.0.2/30 dev t0
run ip -n c link set t2 type ipip local 10.0.0.1 remote 10.0.0.2 ttl 9
run ip -n c -d link show t2
run ip -n c link set t2 type ipip local 10.0.0.1 remote 10.0.0.2 ttl 9 dev e0
run ip -n c tunnel change t2 mode ipip remote 10.0.0.2 local 10.0.0.1 ttl 11
run ip -n c -d link show t2
run ip -n c tunnel add t9 mode ipip remote 10.4.0.2
run ip -n c link show t9
run $I link show t9
run ip -n c link add link-netns a name t5 type ipip remote 10.0.0.55
run ip -n c -d link show t5
run ip netns exec c ip tunnel del t2
run ip -n c link
run ip netns del a
for i in $(seq 100); do ip -n c link show t5 >/dev/null 2>&1 || break; sleep 0.1; done # the namespace goes in its own time
run ip -n c link
run ip -n b link

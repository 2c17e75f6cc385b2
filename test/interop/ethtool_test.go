//go:build linux

package interop

import (
	"regexp"
	"strings"
	"testing"

	"linen/test/need"
)

// notHere are the features that this stack has not, or that cannot be switched.
var notHere = regexp.MustCompile(`(?m)^\s*(.*\[fixed\]|(tx-(checksum-sctp|tcp-accecn|gre|ipxip|udp_tnl|sctp|gso-list|nocache|vlan-stag)|rx-(gro-list|vlan-stag))\S*: .*)\n`)

// TestEthtoolFeatures: ethtool(8) reads and switches offloads as on the machine's
// kernel, and complains as there.
func TestEthtoolFeatures(t *testing.T) { // spec 1.37, 11.86, B.14
	binaryOnly(t)
	reference(t)
	need.Tool(t, "ip")
	need.Tool(t, "ethtool")
	const script = `ip link add a0 type veth peer name b0
		for line in '-k a0' '-K a0 gro on' '-K a0 tso off' '-k a0' '-K a0 sg off' '-k a0' '-K a0 sg on tx off' '-k a0' '-K a0 tx on tso on gro off' '-k a0' \
			'-K a0 rx-lro on' '-K a0 nonsense on' '-K a0 rx-udp-gro-forwarding on' '-k a0' '-k nodev' '-K nodev gro on'; do
			echo "ethtool $line"
			ethtool $line 2>&1
			echo "exit $?"
		done`
	s := newSite(t, places()[0])
	text := func(argv ...string) string {
		return notHere.ReplaceAllString(s.must(append(argv, "sh", "-c", script)...), "")
	}
	kernel, ours := text("unshare", "-n"), text(s.linen, "run", "--")
	if !strings.Contains(ours, "generic-receive-offload: on") {
		t.Errorf("GRO was not switched on:\n%s", ours)
	}
	if ours != kernel {
		t.Errorf("linen:\n%s\nthis machine's kernel:\n%s", ours, kernel)
	}
}

// ethtoolScript asks for everything but features, which TestEthtoolFeatures
// compares; numbers of queues are given, as their default is the CPUs.
const ethtoolScript = `ip link add a0 numtxqueues 3 numrxqueues 4 type veth peer name b0 numtxqueues 4 numrxqueues 3
	ip link add br0 type bridge
	show() {
		for line in "$@"; do
			echo "ethtool $line"
			ethtool $line 2>&1
			echo "exit $?"
		done
	}
	show a0 br0
	ip link set b0 master br0; ip link set br0 up; ip link set b0 up; ip link set a0 up; ip link set lo up
	for dev in a0 br0 lo nodev; do
		show $dev "-i $dev" "-S $dev" "-g $dev" "-l $dev" "-c $dev" "-a $dev" "-A $dev rx on" "-P $dev" "-T $dev" "-n $dev" "-x $dev" \
			"-m $dev" "-e $dev" "-d $dev" "-w $dev" "-t $dev" "-p $dev 1" "-r $dev" "--show-eee $dev" "--show-fec $dev" "--show-priv-flags $dev" \
			"--show-module $dev" "--show-tunnels $dev" "--get-phy-tunable $dev downshift" "-s $dev speed 1000 duplex full" "-s $dev wol g" \
			"-C $dev rx-usecs 10" "-G $dev rx 100" "-L $dev rx 2" "--phy-statistics $dev" "--cable-test $dev" "--reset $dev all"
	done
	show "-L a0 tx 2" "-l a0" "-S a0" "-L a0 rx 5" "-L a0 rx 0" "-L a0 combined 1" "-i a0"
	cat /sys/class/net/a0/speed /sys/class/net/a0/duplex /sys/class/net/br0/speed /sys/class/net/br0/duplex
	ls /sys/class/net/a0/queues
	ip link set a0 down; ip link set a0 name a1; ip link add type veth
	cat /sys/class/net/a1/name_assign_type /sys/class/net/veth0/name_assign_type /sys/class/net/lo/name_assign_type /sys/class/net/br0/name_assign_type
	readlink /sys/class/net/b0/master`

// TestEthtoolDevices: what ethtool(8) says of a veth, a bridge and lo besides
// their offloads, by netlink and by ioctl, is what the machine's kernel says.
func TestEthtoolDevices(t *testing.T) { // spec 1.37, B.14
	binaryOnly(t)
	reference(t)
	need.Tool(t, "ip")
	need.Tool(t, "ethtool")
	s := newSite(t, places()[0])
	kernel := s.must("unshare", "-n", "-m", "sh", "-c", "mount -t sysfs sysfs /sys && { "+ethtoolScript+"\n}")
	ours := s.must(s.linen, "run", "--", "sh", "-c", ethtoolScript)
	if !strings.Contains(ours, "Speed: 10000Mb/s") {
		t.Errorf("no speed:\n%s", ours)
	}
	if ours != kernel {
		t.Errorf("linen:\n%s\nthis machine's kernel:\n%s", ours, kernel)
	}
}

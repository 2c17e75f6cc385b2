//go:build linux

package interop

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"linen"
	"linen/drivers/host/port"
	"linen/drivers/host/tap"
	"linen/net/sock"
	"linen/test/need"
	"linen/uapi"
)

// querierBridge makes the kernel's own IGMPv3 querier of a namespace: a bridge that asks every other second, with the
// TAP as its port. Its memory of a source (query interval times two, and the time to answer) outlasts the test.
const querierBridge = `set -e
sysctl -qw net.ipv6.conf.all.disable_ipv6=1
ip link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_igmp_version 3 mcast_query_interval 200 mcast_startup_query_interval 100 mcast_query_response_interval 50
ip link set br0 up
ip addr add 10.5.0.2/24 dev br0
ip link set lab0 master br0
ip link set lab0 up
`

// members is what a socket asks for by IP_ADD_SOURCE_MEMBERSHIP and its like.
type members struct {
	t   *testing.T
	who *sock.Caller
	s   sock.Socket
}

func newMembers(t *testing.T, n *linen.Net) *members {
	t.Helper()
	who := sock.Root()
	s, err := sock.Create(who, n.Namespace(), uapi.AF_INET, uapi.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return &members{t, who, s}
}

// set gives an option the addresses: the group, this host's, and a source.
func (m *members) set(option int, addrs ...uint32) {
	m.t.Helper()
	var val []byte
	for _, a := range addrs {
		val = binary.BigEndian.AppendUint32(val, a)
	}
	if err := m.s.Setsockopt(m.who, uapi.SOL_IP, option, val); err != nil {
		m.t.Fatal(err)
	}
}

// timers is what differs between two looks at the same group.
var timers = regexp.MustCompile(`/[0-9.]+`)

// groups is what the querier holds of 239.1.1.0/24: one line a group, with its mode and sources in order.
func groups(out string) string {
	var list []string
	for line := range strings.Lines(out) {
		f := strings.Fields(timers.ReplaceAllString(line, ""))
		if len(f) < 9 || !strings.HasPrefix(f[5], "239.1.1.") || f[6] == "src" {
			continue
		}
		word := func(after string) string {
			if i := slices.Index(f, after); i >= 0 {
				sources := strings.Split(f[i+1], ",")
				slices.Sort(sources)
				return strings.Join(sources, ",")
			}
			return ""
		}
		list = append(list, strings.TrimSpace(f[5]+" "+word("filter_mode")+" "+word("source_list")))
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// TestQuerierSeesSourceFilters: a real kernel that asks by IGMPv3 knows the source filters of linen's sockets, as they
// are joined and changed, from the reports and from the answers to its queries.
func TestQuerierSeesSourceFilters(t *testing.T) {
	need.NetNS(t)
	need.TunDevice(t)
	need.Tool(t, "tshark")
	s := newSite(t, places()[0])
	ns := netNS(t, s)
	h := newHost(t, s, func(n *linen.Net) (*port.Port, error) {
		f, name, err := tap.Open(fmt.Sprintf("lnq%d", os.Getpid()))
		if err != nil {
			return nil, err
		}
		s.must("ip", "link", "set", name, "netns", ns)
		s.must("ip", "netns", "exec", ns, "ip", "link", "set", name, "name", "lab0")
		s.must("ip", "netns", "exec", ns, "sh", "-c", querierBridge)
		return tap.New(n.Namespace(), "eth0", f)
	})
	known := func(want ...string) {
		t.Helper()
		var got string
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("the querier knew\n%s", got)
			}
		})
		until(t, "the querier knows "+strings.Join(want, "; "), func() bool {
			got = groups(s.must("ip", "netns", "exec", ns, "bridge", "-d", "mdb", "show", "dev", "br0"))
			return got == strings.Join(want, "\n")
		})
	}
	const us, one, two = 0x0a050001, 0xef010101, 0xef010102
	source := func(n uint32) uint32 { return 0x0a050000 + n }
	a, b := newMembers(t, h.n), newMembers(t, h.n)
	a.set(uapi.IP_ADD_SOURCE_MEMBERSHIP, one, us, source(7))
	known("239.1.1.1 include 10.5.0.7")
	a.set(uapi.IP_ADD_SOURCE_MEMBERSHIP, one, us, source(8))
	b.set(uapi.IP_ADD_MEMBERSHIP, two, us)
	known("239.1.1.1 include 10.5.0.7,10.5.0.8", "239.1.1.2 exclude")
	b.set(uapi.IP_BLOCK_SOURCE, two, us, source(9))
	known("239.1.1.1 include 10.5.0.7,10.5.0.8", "239.1.1.2 exclude 10.5.0.9")
	a.set(uapi.IP_DROP_SOURCE_MEMBERSHIP, one, us, source(8)) // the querier asks for it and hears nobody
	b.set(uapi.IP_UNBLOCK_SOURCE, two, us, source(9))
	known("239.1.1.1 include 10.5.0.7", "239.1.1.2 exclude")
	b.set(uapi.IP_DROP_MEMBERSHIP, two, us)
	known("239.1.1.1 include 10.5.0.7")
	if err := h.rec.Close(); err != nil {
		t.Fatal(err)
	}
	s.judge(h.file)
	for _, filter := range []string{"igmp.type == 0x11 && igmp.maddr == 0.0.0.0", "igmp.record_type == 1", "igmp.type == 0x11 && igmp.maddr == 239.1.1.1"} {
		if out := s.must("sh", "-c", "tshark -r "+h.file+" -Y '"+filter+"' 2>/dev/null"); out == "" {
			t.Errorf("nothing of %s was recorded", filter)
		}
	}
}

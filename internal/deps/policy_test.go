package deps

// Policy data. A package is known here by its path inside the module ("" is
// the root package, the façade).

// rankOf gives the rank of each package tree; the longest matching prefix
// wins. A package imports only packages of strictly lower rank, except inside
// one entry of trees and along the pairs of sameRank.
var ranks = []struct {
	rank     int
	packages []string
}{
	{0, []string{"uapi", "wire", "lib"}},
	{1, []string{"kern", "net/netns", "net/mib"}},
	{2, []string{"net/skb", "net/sysctl", "net/procfs", "net/cgroup", "net/flow", "net/filter", "net/klog"}},
	{3, []string{"net/netlink", "net/netfilter", "net/vnethdr"}},
	{4, []string{"net/rtnl", "net/genl"}},
	{5, []string{"net/dev", "net/ethernet"}},
	{6, []string{"net/dst", "net/lwtunnel", "net/l3mdev"}},
	{7, []string{"net/neigh"}},
	{8, []string{"net/sock"}},
	{9, []string{
		"net/afnetlink", "net/sockdiag", "net/ethtool", "net/netfilter/nfnetlink", "net/fibrules",
		"net/inetfrag", "net/inetpeer", "net/nexthop", "net/sched", "net/packet", "net/xfrm",
		"net/wireless", "net/ieee802154", "net/nfc",
	}},
	{10, []string{"net/ipv4", "net/ipv6", "net/mac80211", "net/mac802154"}},
	{11, []string{
		"net/inet", "net/mroute", "net/bridge", "net/vlan", "net/iptunnel", "net/sixlowpan",
		"net/netfilter/conntrack", "net/netfilter/ipset", "net/mpls",
	}},
	{12, []string{
		"net/tcp", "net/udp", "net/raw", "net/ping", "net/sctp", "net/dccp",
		"net/netfilter/nat", "net/netfilter/brnf", "net/bluetooth",
	}},
	{13, []string{
		"net/netfilter/nftables", "net/netfilter/xtables", "net/netfilter/ipvs",
		"net/sched/act", "net/xfrm/esp", "net/xfrm/ah", "net/xfrm/ipcomp", "net/mptcp",
	}},
	{14, []string{"drivers/net", "drivers/host", "drivers/infiniband"}},
	{15, []string{""}},
	{16, []string{"run"}},
	{17, []string{"lab", "why", "web"}},
	{18, []string{"cmd", "test"}},
	{19, []string{"examples", "internal"}},
}

// trees are the prefixes inside which packages import each other freely; the
// compiler keeps them free of cycles.
var trees = []string{"uapi", "wire", "lib", "run", "lab", "cmd", "test", "internal"}

// pair is an import that the ranks alone would forbid.
type pair struct{ from, to string }

// sameRank lists imports between packages of one rank, each with its reason.
var sameRank = map[pair]string{
	{"net/netns", "kern"}:                        "a Net belongs to a Kernel and hands out its clock",
	{"net/mib", "kern"}:                          "a counter has a column for each virtual CPU",
	{"net/mib", "net/netns"}:                     "counters are a Net's",
	{"net/filter", "net/skb"}:                    "a socket filter runs over an skb, whose fragments it walks",
	{"net/procfs", "net/sysctl"}:                 "/proc/sys is generated from the sysctl tables",
	{"drivers/host/stream", "drivers/host/port"}: "a port of its kind: the pump is shared",
	{"drivers/host/tap", "drivers/host/port"}:    "a port of its kind: the pump is shared",
	{"net/packet", "net/sockdiag"}:               "AF_PACKET answers for its sockets in sock_diag",
	{"net/ethernet", "net/dev"}:                  "eth_type_trans and ether_setup fill a net_device",
}

// ban forbids imports everywhere but under the prefixes of except.
type ban struct {
	imports []string // exact paths, or a prefix when it ends in "/"
	except  []string // package trees that may, "dir/file.go" for one file
	tests   bool     // whether test files are bound too
	why     string
}

// bans is checked against every file of the module.
var bans = []ban{
	{
		imports: []string{"syscall", "golang.org/x/sys/"},
		except:  []string{"run", "lab", "cmd", "drivers/host", "test", "internal", "uapi/errno"},
		why:     "errno values come from linen/uapi/errno; only run, lab, cmd and drivers/host talk to the machine's kernel",
	},
	{
		imports: []string{"unsafe"},
		except:  []string{"run", "lib"},
		why:     "memory tricks live in lib behind a slow oracle, or at the system-call boundary in run",
	},
	{
		imports: []string{"C"},
		tests:   true,
		why:     "no cgo",
	},
	{
		imports: []string{"math/rand"},
		tests:   true,
		why:     "randomness comes from the Kernel; tests use math/rand/v2 with a fixed seed",
	},
}

// taggedOnly names trees whose use of a banned import is allowed only in a
// file with a build constraint, so that the package builds on every GOOS.
var taggedOnly = map[string]string{
	"uapi/errno": "syscall's numbers are another system's outside Linux",
}

// leafTrees import the standard library, themselves, and the trees named here;
// nothing else of ours and no module.
var leafTrees = map[string][]string{
	"uapi": nil,
	"lib":  nil,
	"wire": {"lib", "uapi"}, // a header's checksum is lib/csum's
}

// leafTestImports are what the tests of a leaf package may import besides.
var leafTestImports = map[string][]string{
	"lib/lpm": {"github.com/gaissmai/bart"}, // the trie that lpm is compared with
}

// notImportable are the trees that are programs or tests: other modules may
// be used there. Everything else is a library and imports libraryModules only.
var notImportable = []string{"lab", "why", "web", "cmd", "run", "test", "internal", "examples"}

var libraryModules = []string{"golang.org/x/sys", "github.com/gaissmai/bart", "linen"}

// clockCalls read or wait on real time.
var clockCalls = map[string]bool{
	"Now": true, "Sleep": true, "After": true, "AfterFunc": true, "NewTimer": true,
	"NewTicker": true, "Tick": true, "Since": true, "Until": true,
}

// clockTrees may use real time: the kernel's clock itself, and the parts that
// deal with real processes. In tests elsewhere the file must be one that works
// in a testing/synctest bubble.
var clockTrees = []string{"kern", "run", "lab", "why", "web", "cmd", "test", "internal"}

// Sizes, for hand-written files that are no tests. uapi is exempt: its files
// list the kernel's constants.
const (
	maxFuncLines = 70
	maxFileLines = 500
	minDocs      = 95 // per cent of exported identifiers with a comment
)

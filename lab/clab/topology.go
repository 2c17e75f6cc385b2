package clab

import (
	"net"
	"net/netip"
	"time"
)

// Topology is one lab: what a topology file says after substitution, merging and defaults.
type Topology struct {
	Name   string  `json:"name"`
	Prefix *string `json:"prefix,omitempty"` // nil: "clab"; "": none; "__lab-name": the lab's name
	File   string  `json:"file,omitempty"`   // as given to ParseFile
	Mgmt   *Mgmt   `json:"mgmt,omitempty"`
	Nodes  []*Node `json:"nodes"` // in file order
	Links  []*Link `json:"links"` // in file order
	Notes  []Note  `json:"notes,omitempty"`

	src *source
}

// Node returns the node of that name, or nil.
func (t *Topology) Node(name string) *Node {
	for _, n := range t.Nodes {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// Mgmt is the management network's description. linen attaches no node to it.
type Mgmt struct {
	Network    string `json:"network,omitempty"`
	Bridge     string `json:"bridge,omitempty"`
	IPv4Subnet string `json:"ipv4-subnet,omitempty"`
	IPv6Subnet string `json:"ipv6-subnet,omitempty"`
	IPv4Gw     string `json:"ipv4-gw,omitempty"`
	IPv6Gw     string `json:"ipv6-gw,omitempty"`
	MTU        int    `json:"mtu,omitempty"`
}

// Node is one node with all its layers merged.
type Node struct {
	Name          string            `json:"name"`
	Kind          string            `json:"kind"`
	Type          string            `json:"type,omitempty"`
	Group         string            `json:"group,omitempty"`
	Image         string            `json:"image,omitempty"`
	StartupConfig string            `json:"startup-config,omitempty"`
	StartupDelay  time.Duration     `json:"startup-delay,omitempty"`
	Exec          []Command         `json:"exec,omitempty"` // run in order when the links are up
	Binds         []Bind            `json:"binds,omitempty"`
	Ports         []Port            `json:"ports,omitempty"`
	Env           map[string]string `json:"env,omitempty"`
	EnvFiles      []string          `json:"env-files,omitempty"` // later files win; Env wins over all
	User          string            `json:"user,omitempty"`
	Hostname      string            `json:"hostname,omitempty"`
	Entrypoint    string            `json:"entrypoint,omitempty"`
	Cmd           string            `json:"cmd,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	MgmtIPv4      netip.Addr        `json:"mgmt-ipv4,omitzero"`
	MgmtIPv6      netip.Addr        `json:"mgmt-ipv6,omitzero"`
	NetworkMode   string            `json:"network-mode,omitempty"`
	Sysctls       map[string]string `json:"sysctls,omitempty"`
	Stages        map[string]Stage  `json:"stages,omitempty"` // keys: StageNames
	DNS           *DNS              `json:"dns,omitempty"`
	Aliases       []string          `json:"aliases,omitempty"`
	Healthcheck   *Healthcheck      `json:"healthcheck,omitempty"`
	Pos           Pos               `json:"pos"` // of the node's name

	kindPos, netPos, portsPos, imagePos mark
}

// IsSwitch reports whether the node is a learning bridge rather than a host.
func (n *Node) IsSwitch() bool { return n.Kind == "bridge" || n.Kind == "ovs-bridge" }

// Command is one line to run and where it stands; [Command.Words] splits it as containerlab does, without a shell.
type Command struct {
	Line   string `json:"line"`
	Target string `json:"target,omitempty"` // stages only: "container" (default) or "host"
	Pos    Pos    `json:"pos"`
}

// Words splits the command line by shell quoting rules: quotes group, a backslash escapes, nothing is expanded.
func (c Command) Words() ([]string, error) { return splitWords(c.Line) }

// Bind is one bind mount, "src:dst[:options]". An empty Source asks for an anonymous volume.
type Bind struct {
	Source   string `json:"source,omitempty"` // relative to the topology file's directory
	Target   string `json:"target"`           // absolute
	ReadOnly bool   `json:"read-only,omitempty"`
	Pos      Pos    `json:"pos"`
}

// Port is one published port (docker -p form), which needs an uplink.
type Port struct {
	HostIP    string `json:"host-ip,omitempty"`
	Host      string `json:"host,omitempty"` // a port or first-last
	Container string `json:"container"`
	Proto     string `json:"proto"` // tcp, udp or sctp
}

// DNS is what a node's resolv.conf says.
type DNS struct {
	Servers []string `json:"servers,omitempty"`
	Search  []string `json:"search,omitempty"`
	Options []string `json:"options,omitempty"`
}

// Healthcheck is the probe that decides when a node is healthy. Docker's meaning: Test is CMD words, CMD-SHELL line, or NONE.
type Healthcheck struct {
	Test        []string      `json:"test"`
	Interval    time.Duration `json:"interval"`
	Timeout     time.Duration `json:"timeout"`
	Retries     int           `json:"retries"`
	StartPeriod time.Duration `json:"start-period"`
}

// StageNames lists a node's stages in the order it passes them.
func StageNames() []string { return []string{"create", "create-links", "configure", "healthy", "exit"} }

// Stage says what a node waits for before it enters a stage and what runs when it enters and leaves it.
type Stage struct {
	WaitFor []WaitFor `json:"wait-for,omitempty"`
	OnEnter []Command `json:"on-enter,omitempty"`
	OnExit  []Command `json:"on-exit,omitempty"`
}

// WaitFor names another node's stage that must be over first.
type WaitFor struct {
	Node  string `json:"node"`
	Stage string `json:"stage"`
	Pos   Pos    `json:"pos"`
}

// Link kinds of the file.
const (
	LinkVeth        = "veth"
	LinkVethStitch  = "veth-stitch"
	LinkHost        = "host"
	LinkMacvlan     = "macvlan"
	LinkMgmt        = "mgmt-net"
	LinkVxlan       = "vxlan"
	LinkVxlanStitch = "vxlan-stitch"
	LinkDummy       = "dummy"
)

// Link is one link. A veth has two endpoints, every other type one.
type Link struct {
	Type          string            `json:"type"`
	Endpoints     []Endpoint        `json:"endpoints"`
	MTU           int               `json:"mtu,omitempty"` // 0: containerlab's default, DefaultMTU
	Labels        map[string]string `json:"labels,omitempty"`
	Vars          map[string]any    `json:"vars,omitempty"`
	HostInterface string            `json:"host-interface,omitempty"`
	Mode          string            `json:"mode,omitempty"` // macvlan
	Remote        netip.Addr        `json:"remote,omitzero"`
	VNI           int               `json:"vni,omitempty"`
	DstPort       int               `json:"dst-port,omitempty"`
	SrcPort       int               `json:"src-port,omitempty"`
	Pos           Pos               `json:"pos"`

	mark mark
}

// DefaultMTU is the MTU of links that state none; containerlab's choice, room for jumbo frames.
const DefaultMTU = 9500

// Endpoint is one end of a link: an interface of a node.
type Endpoint struct {
	Node      string           `json:"node"`
	Interface string           `json:"interface"`
	MAC       net.HardwareAddr `json:"-"` // nil: chosen by linen
	MACText   string           `json:"mac,omitempty"`
	IPv4      netip.Prefix     `json:"ipv4,omitzero"`
	IPv6      netip.Prefix     `json:"ipv6,omitzero"`
	Impair    Impairment       `json:"impair,omitzero"` // of frames this end sends
	Pos       Pos              `json:"pos"`

	mark mark
}

// String is the brief form, "node:interface".
func (e Endpoint) String() string { return e.Node + ":" + e.Interface }

// Impairment is what a link does to the frames of one direction; the zero value is a perfect wire.
// Percentages are 0 to 100; the meaning of each is tc-netem(8)'s.
type Impairment struct {
	Delay     time.Duration `json:"delay,omitempty"`
	Jitter    time.Duration `json:"jitter,omitempty"`
	Loss      float64       `json:"loss,omitempty"`
	Duplicate float64       `json:"duplicate,omitempty"`
	Corrupt   float64       `json:"corrupt,omitempty"`
	Reorder   float64       `json:"reorder,omitempty"`
	Rate      uint64        `json:"rate,omitempty"` // bits per second
	Seed      uint64        `json:"seed,omitempty"` // 0: from the lab's seed
}

// IsZero reports whether the direction is a perfect wire.
func (i Impairment) IsZero() bool { return i == Impairment{} }

package lab

import (
	"context"
	"net"
	"net/netip"
	"os"

	"linen/lab/clab"
)

// Engine is what a lab needs of the network stack and the program supervisor. Its methods are called from many goroutines
// at once, but never two with the same node's or link's name. Errors are for people: they name what failed, not the node.
type Engine interface {
	// CreateNode makes a host (an empty network with its lo up and the sysctls set) or a switch.
	CreateNode(NodeSpec) error
	// CreateLink makes the interfaces of a link in nodes that exist, gives them their addresses and sets them up.
	CreateLink(LinkSpec) error
	// Exec runs a program in a node and waits for it. The result is its exit status as a shell reports it (128+n for signal
	// n); the error says why it could not run. ctx ends the program.
	Exec(ctx context.Context, node string, spec ExecSpec) (status int, err error)
	// Close ends every program and removes every node and link. It may be called once, also after a failed creation.
	Close() error
}

// NodeSpec is one node, with every path of the lab file resolved.
type NodeSpec struct {
	Name     string
	Hostname string
	Switch   bool              // a learning bridge named after the node, its ports the node's interfaces
	Sysctls  map[string]string // Linux names, such as net.ipv4.ip_forward
	Binds    []clab.Bind       // Source is absolute; empty asks for an empty directory
	Env      []string          // "K=V", sorted; of every program in the node
	DNS      *clab.DNS
	Programs []Program // started when the links are up, before the file's exec
	Hosts    []Host    // lines of /etc/hosts: every node of the lab that has an address in the file
	User     string    // of its programs, by docker's rules; "" is root
	Fresh    bool      // leave lo down, as in a namespace that nobody has touched
	Uplink   *Uplink   // makes the node the lab's gateway to this machine's network; nil: it is none
}

// Host is one line of /etc/hosts.
type Host struct {
	Addr  netip.Addr
	Names []string
}

// LinkSpec is one link: a veth with two ends, or a dummy or a cable to the host with one.
type LinkSpec struct {
	Type          string // clab.LinkVeth, clab.LinkDummy or clab.LinkHost
	MTU           int    // never 0
	HostInterface string // of clab.LinkHost: the TAP interface to make on the host
	Ends          []EndSpec
}

// EndSpec is one interface to make.
type EndSpec struct {
	Node   string
	Name   string
	MAC    net.HardwareAddr // nil: chosen by the engine
	Addrs  []netip.Prefix
	Impair clab.Impairment // of what this end sends
}

// ExecSpec is one program run. Nil files are /dev/null.
type ExecSpec struct {
	Args                  []string // Args[0] is looked up in the node's PATH
	Env                   []string // added to the node's
	Dir                   string   // "" is /
	User                  string   // "" is the node's
	Stdin, Stdout, Stderr *os.File
	TTY                   bool // Stdin is a terminal's slave end, to become the controlling terminal
}

// Observer is an [Engine] that can tell what a node's network is now.
type Observer interface {
	// Interfaces lists a node's interfaces by index.
	Interfaces(node string) ([]InterfaceStatus, error)
	// Programs counts the programs that run in a node.
	Programs(node string) int
}

// LinkChanger is an [Engine] that can change a link while the lab runs.
type LinkChanger interface {
	// ChangeLink changes one end, or both, and reports both.
	ChangeLink(LinkChange) (LinkStatus, error)
}

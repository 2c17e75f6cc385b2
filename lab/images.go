package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"linen/lab/clab"
)

// Program is a program that runs in a node for as long as it likes.
type Program struct {
	Args []string
	Why  string // what of the file asks for it: "cmd", or the image
}

// image is a container image whose job is known: linen runs no images, but starts what it would have started.
type image struct {
	names  []string // repositories, without registry and tag
	daemon string   // the file that shows that the machine has the programs
	pkg    string   // Debian's package of it
	start  []string // what the image's entry point does
	config string   // where its startup-config belongs, "" nowhere
	router bool     // it forwards: a container inherits ip_forward=1 from a machine with Docker, and its files count on that
	what   string
}

// knownImages lists the images of public labs whose programs Debian packages.
func knownImages() []image {
	return []image{{
		names: []string{"frrouting/frr", "frrouting/frr-debian"}, daemon: "/usr/lib/frr/frrinit.sh", pkg: "frr",
		// the package's service makes the directory; in a node nobody did (frr.service RuntimeDirectory)
		start:  []string{"/bin/sh", "-c", "mkdir -p /run/frr && chown frr:frr /run/frr && exec /usr/lib/frr/frrinit.sh start"},
		config: "/etc/frr/frr.conf", router: true, what: "FRR's routing daemons",
	}, {
		names: []string{"pierky/bird"}, daemon: "/usr/sbin/bird", pkg: "bird2",
		start:  []string{"/bin/sh", "-c", "mkdir -p /run/bird && exec /usr/sbin/bird -f -c /etc/bird/bird.conf"},
		config: "/etc/bird/bird.conf", router: true, what: "BIRD",
	}, {
		names: []string{"wbitt/network-multitool", "praqma/network-multitool", "srl-labs/network-multitool"}, daemon: "/usr/sbin/nginx", pkg: "nginx-light",
		start: []string{"/usr/sbin/nginx", "-g", "daemon off;"}, what: "its web server",
	}}
}

// knownImage finds the image of a reference such as quay.io/frrouting/frr:10.5.1, or nil.
func knownImage(reference string) *image {
	name, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name = name[:i]
	}
	for _, im := range knownImages() {
		if slices.ContainsFunc(im.names, func(n string) bool { return name == n || strings.HasSuffix(name, "/"+n) }) {
			return &im
		}
	}
	return nil
}

// ipForward makes a node a router.
const ipForward = "net.ipv4.ip_forward"

// programs adds what a node runs in the background: its image's daemons unless the file says what to run instead, then entrypoint and cmd.
func (p *Plan) programs(t *clab.Topology, n *clab.Node, host HostView, spec *NodeSpec) error {
	im := knownImage(n.Image)
	if _, set := n.Sysctls[ipForward]; im != nil && im.router && !set {
		spec.Sysctls = maps.Clone(n.Sysctls)
		if spec.Sysctls == nil {
			spec.Sysctls = make(map[string]string)
		}
		spec.Sysctls[ipForward] = "1"
	}
	if n.StartupConfig != "" {
		if im == nil || im.config == "" {
			p.note(n.Name, "startup-config has no effect: only an image with a known place for it has one")
		} else {
			spec.Binds = append(spec.Binds, clab.Bind{Source: host.path(t, n, n.StartupConfig), Target: im.config, Pos: n.Pos})
		}
	}
	var args []string
	for _, line := range []string{n.Entrypoint, n.Cmd} {
		words, err := clab.Command{Line: line}.Words()
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		args = append(args, words...)
	}
	switch {
	case len(args) > 0:
		spec.Programs = append(spec.Programs, Program{Args: args, Why: "cmd"})
	case im != nil && host.Exists != nil && host.Exists(im.daemon):
		spec.Programs = append(spec.Programs, Program{Args: im.start, Why: n.Image})
	case im != nil:
		p.note(n.Name, fmt.Sprintf("image %s would start %s, which this machine lacks: apt-get install %s", n.Image, im.what, im.pkg))
	}
	return nil
}

// PlanNote is a remark on nodes that come up other than their file may expect.
type PlanNote struct {
	Nodes []string
	Text  string
}

// String is the remark as a line.
func (n PlanNote) String() string { return strings.Join(n.Nodes, ", ") + ": " + n.Text }

// note adds a remark; nodes with the same one share it.
func (p *Plan) note(node, text string) {
	for i := range p.Notes {
		if p.Notes[i].Text == text {
			p.Notes[i].Nodes = append(p.Notes[i].Nodes, node)
			return
		}
	}
	p.Notes = append(p.Notes, PlanNote{[]string{node}, text})
}

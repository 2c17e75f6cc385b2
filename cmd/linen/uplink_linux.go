package main

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	stack "linen"
	"linen/lab"
	"linen/lab/clab"
	"linen/lab/engine"
)

// The network of `linen run --uplink`, slirp's addresses.
const (
	uplinkNode = "uplink"
	uplinkAddr = "10.0.2.2/24"
	guestAddr  = "10.0.2.15/24"
	uplinkMTU  = 1500
)

// uplinkFlags are the flags that give a program this machine's network.
type uplinkFlags struct {
	on, loopback bool
	publish      []string
}

func (f *uplinkFlags) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.on, "uplink", false, "give it this machine's network, by a NAT")
	cmd.Flags().BoolVar(&f.loopback, "uplink-loopback", false, "and this machine's loopback, as the gateway's address (10.0.2.2)")
	cmd.Flags().StringArrayVarP(&f.publish, "publish", "p", nil, "open a port of this machine, with --uplink (`[ADDR:]PORT:PORT[/udp]`)")
}

// node makes the node of `linen run`: with a lo that is down and nothing else,
// or behind an uplink.
func (f *uplinkFlags) node(e *engine.Engine) error {
	host, _ := os.Hostname()
	spec := lab.NodeSpec{Name: runNode, Hostname: host}
	if !f.on && !f.loopback && len(f.publish) == 0 {
		spec.Fresh = true
		return e.CreateNode(spec)
	}
	gateway, guest := netip.MustParsePrefix(uplinkAddr), netip.MustParsePrefix(guestAddr)
	up := &lab.Uplink{Loopback: f.loopback, Resolver: lab.ThisHost().Resolver()}
	for _, text := range f.publish {
		p, ok := clab.ParsePort(text)
		if !ok {
			return usageError{fmt.Errorf("%q is no port mapping: write it as 8080:80 or 127.0.0.1:8053:53/udp", text)}
		}
		list, err := lab.Forwards(p, guest.Addr())
		if err != nil {
			return usageError{err}
		}
		up.Forwards = append(up.Forwards, list...)
	}
	if up.Resolver.IsValid() {
		spec.DNS = &clab.DNS{Servers: []string{gateway.Addr().String()}}
	}
	if err := e.CreateNode(lab.NodeSpec{Name: uplinkNode, Hostname: uplinkNode, Uplink: up}); err != nil {
		return err
	}
	if err := e.CreateNode(spec); err != nil {
		return err
	}
	link := lab.LinkSpec{Type: clab.LinkVeth, MTU: uplinkMTU, Ends: []lab.EndSpec{
		{Node: runNode, Name: "eth0", Addrs: []netip.Prefix{guest}},
		{Node: uplinkNode, Name: "eth0", Addrs: []netip.Prefix{gateway}},
	}}
	if err := e.CreateLink(link); err != nil {
		return err
	}
	return e.Net(runNode).AddRoute(stack.Route{Via: gateway.Addr()})
}

package clab

import (
	"fmt"
	"slices"
	"strings"
)

// runnableKinds are the kinds that linen runs.
func runnableKinds() []string { return []string{"linux", "bridge", "ovs-bridge", KindUplink} }

// KindUplink is linen's own kind: the lab's gateway to the network of this machine.
const KindUplink = "uplink"

// UplinkLoopback is the type of an uplink whose own addresses lead to this machine's loopback.
const UplinkLoopback = "loopback"

// IsUplink reports whether the node is a gateway to this machine's network.
func (n *Node) IsUplink() bool { return n.Kind == KindUplink }

// vendorKinds are containerlab's other kinds: names that are right, systems that need their image.
func vendorKinds() []string {
	return strings.Fields(`nokia_srlinux arista_ceos juniper_crpd juniper_csrx sonic-vs sonic-vm nokia_sros nokia_srsim
		juniper_vmx juniper_vqfx juniper_vsrx juniper_vjunosrouter juniper_vjunosswitch juniper_vjunosevolved cisco_xrv
		cisco_xrv9k arista_veos cisco_csr1000v cisco_csr cisco_nxos paloalto_panos mikrotik_ros 6wind_vsr cisco_n9kv cisco_ftdv
		dell_ftosv dell_sonic aruba_aoscx border0 keysight_ixia-c-one ipinfusion_ocnos checkpoint_cloudguard
		ciena_saos rare cisco_xrd cisco_xrd_vrouter cisco_c8000 cisco_c8000v cisco_cat9kv cisco_iol cisco_asav cisco_vios
		nvidia_cumulusvx huawei_vrp openbsd freebsd generic_vm fortinet_fortigate k8s-kind fdio_vpp vyosnetworks_vyos
		juniper_cjunosevolved cjunosevolved arrcus_arcos f5_bigip-ve cisco_sdwan openwrt spirent_stc veesix_osvbng ostinato
		plvision_sonic srl ceos crpd vr-sros vr-vmx vr-xrv9k vr-csr vr-n9kv cvx`)
}

// hostKinds name things of the host that linen never touches.
func hostKinds() []string { return []string{"host", "ext-container"} }

func allKinds() []string { return slices.Concat(runnableKinds(), hostKinds(), vendorKinds()) }

// Runnable reports what in the topology linen cannot bring up: nil, or Errors that name each node or link, the
// place, and what would do instead.
func (t *Topology) Runnable() error {
	d := &decoder{src: t.src}
	if d.src == nil {
		d.src = newSource(t.File, "", func(string) (string, bool) { return "", false })
	}
	up := slices.ContainsFunc(t.Nodes, (*Node).IsUplink)
	for _, n := range t.Nodes {
		d.runnableNode(n, up)
	}
	for _, l := range t.Links {
		if l.Type != LinkVeth && l.Type != LinkDummy && l.Type != LinkHost {
			d.fail(l.mark, instead(l.Type), "link %s: type %q reaches outside the lab, which linen cannot do yet", l, l.Type)
		}
	}
	if len(d.errs) > 0 {
		return d.errs
	}
	return nil
}

// String is the link's ends, "r1:eth1 -- r2:eth1".
func (l *Link) String() string {
	var parts []string
	for _, e := range l.Endpoints {
		parts = append(parts, e.String())
	}
	if len(parts) == 1 {
		parts = append(parts, l.Type)
	}
	return strings.Join(parts, " -- ")
}

func (d *decoder) runnableNode(n *Node, up bool) {
	switch {
	case slices.Contains(vendorKinds(), n.Kind):
		help := "use `kind: linux` with programs of this machine (FRR and BIRD speak the same protocols)"
		if strings.Contains(n.Kind, "sonic") || strings.Contains(n.Kind, "vyos") || strings.Contains(n.Kind, "cumulus") {
			help = "use `kind: linux`: it is a Linux with FRR, which runs here from this machine's packages"
		}
		d.fail(n.kindPos, help, "node %q: kind %q needs its vendor's image, and linen runs no images", n.Name, n.Kind)
	case slices.Contains(hostKinds(), n.Kind):
		d.fail(n.kindPos, "use `kind: uplink` for a gateway to its network, or `kind: linux` inside the lab", "node %q: kind %q is the machine itself, which a lab never touches", n.Name, n.Kind)
	}
	if m := n.NetworkMode; m == "host" || strings.HasPrefix(m, "container:") {
		d.fail(n.netPos, "leave network-mode out or use `network-mode: none`", "node %q: network-mode %q shares a network that is not the node's own", n.Name, m)
	}
	if len(n.Ports) > 0 && !up {
		d.fail(n.portsPos, "add a node of `kind: uplink` with a way to this one, or remove ports and use `linen exec "+n.Name+" -- ...`",
			"node %q: ports cannot be published, the lab has no uplink to this machine", n.Name)
	}
	if n.IsUplink() && n.Type != "" && n.Type != UplinkLoopback {
		d.fail(n.kindPos, "leave type out, or write `type: loopback`: its addresses lead to this machine's loopback then", "node %q: an uplink of type %q is unknown", n.Name, n.Type)
	}
	if st := n.Stages; st != nil {
		for _, name := range StageNames() {
			for _, w := range st[name].WaitFor {
				if w.Stage == "exit" {
					d.fail(mark{w.Pos, len([]rune(w.Node))}, "wait for its healthy stage, with a healthcheck that sees the work done", "node %q waits for the exit of %q: a node is no process and never exits", n.Name, w.Node)
				}
			}
			for _, c := range slices.Concat(st[name].OnEnter, st[name].OnExit) {
				if c.Target == "host" {
					d.fail(mark{c.Pos, len([]rune(c.Line))}, "run it before `linen up`", "node %q: a lab runs no commands on the machine itself", n.Name)
				}
			}
		}
	}
}

func instead(linkType string) string {
	if linkType == LinkDummy || linkType == LinkMgmt {
		return "use a dummy link, or a bridge node"
	}
	return fmt.Sprintf("use a veth link to a node inside the lab in place of the %s", linkType)
}

package veth

import (
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/rtnl"
	"linen/uapi"
)

// registered is the slot that says that the kind is known.
type registered struct{}

var key = netns.NewKey[registered]("veth")

// Pernet makes the link kind "veth" known in a namespace.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*registered, error) {
		dev.Kinds(n).Register(&rtnl.LinkKind[*dev.Device]{
			Name: "veth", Setup: setup, PeerPolicyAttr: uapi.VETH_INFO_PEER,
		})
		return new(registered), nil
	}, nil)
}

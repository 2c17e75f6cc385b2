//go:build linux

package fuse

import "strings"

// SampleTree is what the nodes of fuse_test show.
func SampleTree(Caller) Dir { return testTree }

var testTree = dir{
	{"class", dir{{"lo", dir{{"type", text("772\n")}}}}},
	{"net", dir{{"dev", text("the node's devices\n")}, {"big", text(strings.Repeat("x", 300_000))}}},
	{"sys", dir{{"ipv4", dir{{"ip_forward", &value{text: "0"}}}}}},
}

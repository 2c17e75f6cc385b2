// Package uapi is the binary contract between Linux and its programs, as far as
// networking goes: constants with the kernel's names and values, and the small
// structures of netlink, ioctls and control messages. It has no state, imports
// the standard library only, and builds on every GOOS.
//
// Files are named after the headers in include/uapi/linux that they mirror;
// structures stand beside their constants in files named ..._msg.go. Numbers in
// structures are in host byte order unless their field says otherwise, as on
// Linux: a program and linen run on one machine.
//
// The values are those of the 6.1 headers (testdata/values.txt, printed by a C
// compiler; a test compares), with later additions up to 6.18 in since61.go.
// Constants that count an enum (FOO_MAX) are left out where they grow with
// kernel versions. Not here: nf_tables, ethtool, xfrm, wireless;
// they come with the parts that answer them.
package uapi

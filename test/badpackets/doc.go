// Package badpackets shows a host, or a router, packets that are broken, forged
// or hostile, one case at a time, and compares all that can be seen of what it
// does: the packets that it sends, the change of every counter in
// /proc/net/snmp, /proc/net/netstat and /proc/net/dev, and the reasons that
// packets were dropped for.
//
// The table of cases (cases_*_test.go) says how the host is set up and what it
// receives; testdata/linux-6.18.txt says what Linux 6.18 did, recorded with
//
//	go test ./test/badpackets -run TestKernel -record
//
// TestLinen holds linen to that on virtual time, TestKernel this machine's
// kernel, through TAP interfaces. The kernel's reasons come from the trace
// point skb:kfree_skb. Sources: the tables "Bad input and hostile traffic" of
// the specification, RFC 791, 792, 1122, 1812, 3376, 5961, 9293.
package badpackets

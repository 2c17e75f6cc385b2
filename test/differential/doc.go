// Package differential compares linen with this machine's kernel. A seed makes
// a set: rtnetlink requests about addresses, links, routes, next hop objects
// and rules, and then questions (RTM_GETROUTE with every selector, dumps).
// Both get the same bytes, linen in process and the kernel in a network
// namespace of its own; errno, text and offset of each answer, the
// notifications, the dumps and the routes found must be the same. Wide sets, of
// seeds from 100001 on, also change sysctls, carriers, groups of devices, realms,
// resilient groups and odd addresses, and compare /proc/net/route and fib_trie.
//
//	go test ./test/differential                      a few hundred sets
//	LINEN_TEST_FULL=1 go test ./test/differential    10,000, and 4,000 wide ones (two minutes)
//	go test ./test/differential -seed 77             one set, and what of it differs
package differential

// Package differential compares linen with this machine's kernel. A seed makes
// a set: rtnetlink requests about addresses, links, routes, next hop objects
// and rules, and then questions (RTM_GETROUTE with every selector, dumps).
// Both get the same bytes, linen in process and the kernel in a network
// namespace of its own; errno, text and offset of each answer, the
// notifications, the dumps and the routes found must be the same.
//
//	go test ./test/differential                      a few hundred sets
//	LINEN_TEST_FULL=1 go test ./test/differential    10,000
//	go test ./test/differential -seed 77             one set, and what of it differs
package differential

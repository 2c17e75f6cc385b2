// Package load holds tests of many connections and of peers that mean harm:
// 100,000 established connections, a SYN flood, peers that never read, peers
// that go away. What they hold is bounded, and the others go on.
package load

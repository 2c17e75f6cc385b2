package tcp_test

import (
	"fmt"
	"strings"
	"testing"

	"linen"
	"linen/kern"
	"linen/net/klog"
	"linen/net/netns"
	"linen/net/sysctl"
	"linen/test/hosts"
)

// TestTablesOfAChild: a child's tables have the sizes that its maker's
// tcp_child_ehash_entries and udp_child_hash_entries ask for, rounded up, and
// limits of TIME_WAIT and of requests that follow; without, they show below zero
// that they are as large as the first namespace's (seen on 6.18; spec 11.91).
func TestTablesOfAChild(t *testing.T) {
	k := kern.New(kern.Config{Clock: kern.NewManualClock(), Seed: 1})
	t.Cleanup(k.Close)
	first, err := netns.New(k, linen.Subsystems()...)
	must(t, err)
	t.Cleanup(first.Close)
	for _, c := range []struct{ tcp, udp, want string }{
		{"0", "0", "-262144 131072 2048 -16384"},
		{"1000", "100", "1024 512 128 128"},
		{"65536", "1000", "65536 32768 512 1024"},
	} {
		tree := sysctl.Of(first)
		must(t, tree.Set("net/ipv4/tcp_child_ehash_entries", c.tcp))
		must(t, tree.Set("net/ipv4/udp_child_hash_entries", c.udp))
		child, err := netns.NewChild(first, linen.Subsystems()...)
		must(t, err)
		var got []string
		for _, name := range []string{"tcp_ehash_entries", "tcp_max_tw_buckets", "tcp_max_syn_backlog", "udp_hash_entries"} {
			v, err := sysctl.Of(child).Get("net/ipv4/" + name)
			must(t, err)
			got = append(got, strings.TrimSpace(v))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("tcp_child_ehash_entries %s, udp_child_hash_entries %s: %s, want %s", c.tcp, c.udp, s, c.want)
		}
		child.Close()
	}
}

// TestStartLogListsTables: the log of a machine's start says how large the tables
// may become (spec 11.137).
func TestStartLogListsTables(t *testing.T) {
	var texts []string
	for _, m := range klog.Messages(hosts.New(t).Host("a").Namespace()) {
		texts = append(texts, m.Text)
	}
	for _, want := range []string{
		"UDP hash table entries: 16384 ", "UDP-Lite hash table entries: 16384 ",
		"TCP established hash table entries: 262144 ", "TCP bind hash table entries: 65536 ",
		"TCP: Hash tables configured (established 262144 bind 65536)",
	} {
		if !strings.Contains(fmt.Sprintf("%q", texts), want) {
			t.Errorf("no %q in %q", want, texts)
		}
	}
}

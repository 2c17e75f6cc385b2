package ipv4_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/drivers/net/loopback"
	"linen/drivers/net/veth"
	"linen/drivers/net/vrf"
	"linen/kern"
	"linen/net/dev"
	"linen/net/fibrules"
	"linen/net/ipv4"
	"linen/net/mib"
	"linen/net/neigh"
	"linen/net/netfilter"
	"linen/net/netlink"
	"linen/net/netns"
	"linen/net/procfs"
	"linen/net/rtnl"
	"linen/net/skb"
	"linen/net/sysctl"
)

// newHost returns a namespace with lo up and the veth devices a0 (its other
// end a0p up too) and a1.
func newHost(t testing.TB) (*kern.ManualClock, *netns.Net) {
	clock := kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock, Seed: 1})
	n, err := netns.New(k, skb.Pernet(), mib.Pernet(), sysctl.Pernet(), procfs.Pernet(), netfilter.Pernet(),
		netlink.Pernet(), rtnl.Pernet(), dev.Pernet(), fibrules.Pernet(), neigh.Pernet(), ipv4.Pernet(),
		veth.Pernet(), vrf.Pernet(), loopback.Pernet(), dev.PernetDevices())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(); k.Close() })
	for _, names := range [][2]string{{"a0p", "a0"}, {"a1p", "a1"}} {
		if _, _, err := veth.NewPair(n, names[0], n, names[1]); err != nil {
			t.Fatal(err)
		}
	}
	i := newIP(t, n)
	for _, name := range []string{"lo", "a0p", "a0"} {
		i.run("link set " + name + " up")
	}
	clock.Settle()
	return clock, n
}

// TestTranscripts replays what the kernel's own `ip` printed: testdata/*.txt
// hold "$ ip ..." lines, recorded from Linux 6.18 by testdata/record.sh, with
// what followed them.
func TestTranscripts(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txt")
	if len(files) == 0 {
		t.Fatal("no transcripts")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			clock, n := newHost(t)
			i := newIP(t, n)
			for _, step := range strings.Split("\n"+string(text), "\n$ ")[1:] {
				line, want, _ := strings.Cut(step, "\n")
				got := ""
				if file, ok := strings.CutPrefix(line, "cat "); ok {
					b, _ := procfs.Of(n).Read(file)
					got = string(b)
				} else if set, ok := strings.CutPrefix(line, "sysctl -qw "); ok {
					key, value, _ := strings.Cut(set, "=")
					if err := sysctl.Of(n).Set(strings.ReplaceAll(key, ".", "/"), value); err != nil {
						got = err.Error()
					}
				} else {
					got = i.run(strings.TrimPrefix(line, "ip "))
				}
				clock.Settle()
				if clean(got) != clean(want) {
					t.Errorf("%s\n--- linen\n%s\n--- kernel\n%s", line, got, want)
				}
			}
		})
	}
}

// clean drops what does not matter: spaces at ends of lines, empty lines.
func clean(s string) string {
	var lines []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimRight(l, " "); l != "" && !strings.HasSuffix(l, " terminated") {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

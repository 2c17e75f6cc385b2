package tcp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/lib/impair"
	"linen/net/klog"
	"linen/test/hosts"
	"linen/uapi"
)

// TestSynFloodLog: a full queue of requests is told once a listener, and not when
// every answer is a cookie anyway; the text as in dmesg of 6.18 (spec 11.48).
func TestSynFloodLog(t *testing.T) {
	for _, c := range []struct{ mode, want string }{
		{"1", "Possible SYN flooding on port 0.0.0.0:80. Sending cookies."},
		{"0", "Possible SYN flooding on port 0.0.0.0:80. Dropping request."}, {"2", ""},
	} {
		a, b, link := hosts.Pair(t)
		must(t, b.SetSysctl("net.ipv4.tcp_syncookies", c.mode))
		listen(t, b, 80, 1)
		a.MustPing(b.Addr())
		link.Impair(impair.Config{Delay: 100 * time.Millisecond}) // resets come when all is over
		raw := rawSocket(t, a, uapi.IPPROTO_TCP)
		for i := range uint16(8) {
			inject(t, raw, netip.AddrPortFrom(a.Addr(), 1000+i), netip.AddrPortFrom(b.Addr(), 80), "S", 1, 0, "")
		}
		a.Lab.Advance(150 * time.Millisecond)
		var texts []string
		for _, m := range klog.Messages(b.Namespace()) {
			if strings.Contains(m.Text, "flooding") {
				texts = append(texts, m.Text)
			}
		}
		want := "[]"
		if c.want != "" {
			want = "[TCP: request_sock_TCP: " + c.want + "]"
		}
		if got := fmt.Sprint(texts); got != want {
			t.Errorf("tcp_syncookies %s: %s", c.mode, got)
		}
	}
}

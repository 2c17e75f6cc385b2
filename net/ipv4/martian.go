package ipv4

import (
	"encoding/hex"
	"fmt"

	"linen/net/klog"
	"linen/net/skb"
	"linen/wire"
)

// logMartian notes a packet with impossible addresses (ip_handle_martian_source;
// net.ipv4.conf.*.log_martians). If the source is, only the link header hints
// at who sent it (RFC 1812 §5.3.8).
func (st *state) logMartian(b *skb.Buff, f *Flow, in *InDevice, reason skb.Reason) {
	if isMulticast(f.Daddr) {
		return
	}
	switch reason {
	case skb.ReasonIPInvalidDest:
	case skb.ReasonIPLocalnet:
		if !isLoopback(f.Daddr) {
			reason = skb.ReasonIPInvalidSource
		}
	case skb.ReasonIPInvalidSource, skb.ReasonIPLocalSource, skb.ReasonIPRpfilter:
	default:
		return
	}
	if !klog.Allow(st.n) {
		return
	}
	if reason == skb.ReasonIPInvalidDest || reason == skb.ReasonIPLocalnet {
		klog.Printf(st.n, klog.Warning, "IPv4: martian destination %v from %v, dev %s", toAddr(f.Daddr), toAddr(f.Saddr), in.dev.Name())
		return
	}
	klog.Printf(st.n, klog.Warning, "IPv4: martian source %v from %v, on dev %s", toAddr(f.Daddr), toAddr(f.Saddr), in.dev.Name())
	header := b.Mac()
	for off := 0; off < min(len(header), in.dev.HardHeaderLen); off += 16 {
		line := hex.EncodeToString(header[off:min(off+16, len(header), in.dev.HardHeaderLen)])
		text := ""
		for ; line != ""; line = line[2:] {
			text += " " + line[:2]
		}
		klog.Printf(st.n, klog.Warning, "ll header: %08x:%s", off, text)
	}
}

// logIgnored notes a redirect from a gateway that is not followed
// (__ip_do_redirect). src and dst are of the packet that it quotes.
func (st *state) logIgnored(in *InDevice, from, gateway, src, dst uint32) {
	if in != nil && in.LogMartians() && klog.Allow(st.n) {
		klog.Printf(st.n, klog.Info, "IPv4: Redirect from %v on %s about %v ignored\n  Advised path = %v -> %v",
			toAddr(from), in.dev.Name(), toAddr(gateway), toAddr(src), toAddr(dst))
	}
}

// logStubborn notes that a host went on to send by us after all the redirects
// that it gets (ip_rt_send_redirect).
func (st *state) logStubborn(b *skb.Buff, src, dst, gateway uint32) {
	if klog.Allow(st.n) {
		klog.Printf(st.n, klog.Warning, "IPv4: host %s ignores redirects for %v to %v",
			fmt.Sprintf("%v/if%d", toAddr(src), b.Iif), toAddr(dst), toAddr(gateway))
	}
}

// logBogus notes an ICMP error about a packet to a broadcast address, which
// nobody may answer (icmp_unreach; net.ipv4.icmp_ignore_bogus_error_responses
// 0).
func (st *state) logBogus(b *skb.Buff, typ, code uint8, dst uint32) {
	if klog.Allow(st.n) {
		from := (*wire.IPv4Hdr)(b.Network()).Saddr()
		klog.Printf(st.n, klog.Warning, "icmp: %v sent an invalid ICMP type %d, code %d error to a broadcast: %v on %s",
			toAddr(from), typ, code, toAddr(dst), b.Dev.Name())
	}
}

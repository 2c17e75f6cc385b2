package ipv4_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"linen/net/ipv4"
	"linen/net/procfs"
	"linen/uapi"
	"linen/uapi/errno"
	"linen/wire"
)

// arpreq builds a struct arpreq.
func arpreq(addr string, mac *wire.MAC, flags int32, device string) []byte {
	r := make([]byte, uapi.SizeofArpreq)
	binary.NativeEndian.PutUint16(r, uapi.AF_INET)
	binary.BigEndian.PutUint32(r[4:], u32(addr))
	if mac != nil {
		binary.NativeEndian.PutUint16(r[16:], uapi.ARPHRD_ETHER)
		copy(r[18:], mac[:])
	}
	binary.NativeEndian.PutUint32(r[32:], uint32(flags))
	copy(r[52:], device)
	return r
}

func TestARPIoctls(t *testing.T) { // arp(7)
	l := newARPLab(t)
	for _, c := range []struct {
		name  string
		cmd   uint32
		req   []byte
		admin bool
		want  error
	}{
		{"arp -s", uapi.SIOCSARP, arpreq("10.1.0.5", &peer, uapi.ATF_COM|uapi.ATF_PERM, ""), true, nil},
		{"without the capability", uapi.SIOCSARP, arpreq("10.1.0.6", &peer, uapi.ATF_COM, ""), false, errno.EPERM},
		{"temporary", uapi.SIOCSARP, arpreq("10.1.0.6", &peer, uapi.ATF_COM, "e0"), true, nil},
		{"get", uapi.SIOCGARP, arpreq("10.1.0.5", nil, 0, "e0"), false, nil},
		{"get without a device", uapi.SIOCGARP, arpreq("10.1.0.5", nil, 0, ""), false, errno.ENODEV},
		{"get what is not there", uapi.SIOCGARP, arpreq("10.1.0.9", nil, 0, "e0"), false, errno.ENXIO},
		{"no such device", uapi.SIOCGARP, arpreq("10.1.0.5", nil, 0, "e9"), false, errno.ENODEV},
		{"another hardware", uapi.SIOCSARP, append(arpreq("10.1.0.5", nil, uapi.ATF_COM, "e0")[:16:16], append([]byte{6, 0}, arpreq("10.1.0.5", nil, uapi.ATF_COM, "e0")[18:]...)...), true, errno.EINVAL},
		{"a mask of what is not published", uapi.SIOCSARP, arpreq("10.1.0.5", nil, uapi.ATF_NETMASK, "e0"), true, errno.EINVAL},
		{"publish", uapi.SIOCSARP, arpreq("10.1.0.7", nil, uapi.ATF_PUBL, "e0"), true, nil},
		{"publish everything", uapi.SIOCSARP, arpreq("0.0.0.0", nil, uapi.ATF_PUBL|uapi.ATF_NETMASK, "e0"), true, nil},
		{"IPv6", uapi.SIOCGARP, append([]byte{10, 0}, arpreq("10.1.0.5", nil, 0, "e0")[2:]...), false, errno.EPFNOSUPPORT},
		{"short", uapi.SIOCGARP, make([]byte, 20), false, errno.EFAULT},
		{"another ioctl", uapi.SIOCGIFADDR, arpreq("10.1.0.5", nil, 0, "e0"), true, errno.EINVAL},
	} {
		if err := ipv4.ArpIoctl(l.n, c.cmd, c.req, c.admin); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	l.wantEntry("10.1.0.5", "00:01 PERMANENT")
	l.wantEntry("10.1.0.6", "00:01 STALE")
	got := arpreq("10.1.0.5", nil, 0, "e0")
	ipv4.ArpIoctl(l.n, uapi.SIOCGARP, got, false)
	if r, _ := uapi.AsArpreq(got); r.Flags() != uapi.ATF_COM|uapi.ATF_PERM || wire.MAC(got[18:24]) != peer || r.Dev() != "e0" {
		t.Errorf("SIOCGARP: % x", got)
	}
	file, _ := procfs.Of(l.n).Read("arp")
	const want = `IP address       HW type     Flags       HW address            Mask     Device
10.1.0.5         0x1         0x6         02:00:00:00:00:01     *        e0
10.1.0.6         0x1         0x2         02:00:00:00:00:01     *        e0
10.1.0.7         0x1         0xc         00:00:00:00:00:00     *        e0
`
	if sortedLines(string(file)) != sortedLines(want) {
		t.Errorf("/proc/net/arp:\n%s\nwant:\n%s", file, want)
	}
	for _, addr := range []string{"10.1.0.5", "10.1.0.7"} {
		flags := map[string]int32{"10.1.0.7": uapi.ATF_PUBL}[addr]
		if err := ipv4.ArpIoctl(l.n, uapi.SIOCDARP, arpreq(addr, nil, flags, "e0"), true); err != nil {
			t.Errorf("arp -d %s: %v", addr, err)
		}
	}
	l.wantEntry("10.1.0.5", "")
	if err := ipv4.ArpIoctl(l.n, uapi.SIOCDARP, arpreq("10.1.0.5", nil, 0, "e0"), true); !errors.Is(err, errno.ENXIO) {
		t.Errorf("arp -d again: %v", err)
	}
	if l.set("conf/e0/forwarding", "1"); len(l.tbl.Proxies()) != 0 {
		t.Error("still published")
	}
}

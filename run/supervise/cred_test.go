//go:build linux

package supervise

import (
	"testing"

	"golang.org/x/sys/unix"

	"linen/net/sock"
)

// The rules of setuid(2), setreuid(2), setresuid(2), capabilities(7).
func TestIDs(t *testing.T) {
	type ids = [4]uint32
	for _, tc := range []struct {
		name       string
		set        func(v *ids, privileged bool) error
		from       ids
		privileged bool
		want       ids
		err        error
	}{
		{"setuid as root changes all", func(v *ids, p bool) error { return setOne(v, 5, p) }, ids{0, 0, 0, 0}, true, ids{5, 5, 5, 5}, nil},
		{"setuid to the saved id", func(v *ids, p bool) error { return setOne(v, 7, p) }, ids{5, 5, 7, 5}, false, ids{5, 7, 7, 7}, nil},
		{"setuid to another id", func(v *ids, p bool) error { return setOne(v, 8, p) }, ids{5, 5, 7, 5}, false, ids{5, 5, 7, 5}, unix.EPERM},
		{"setreuid swaps", func(v *ids, p bool) error { return setre(v, 7, 5, p) }, ids{5, 7, 7, 7}, false, ids{7, 5, 5, 5}, nil},
		{"setreuid of the effective id alone", func(v *ids, p bool) error { return setre(v, unchanged, 7, p) }, ids{5, 5, 7, 5}, false, ids{5, 7, 7, 7}, nil},
		{"setreuid to the real id keeps the saved one", func(v *ids, p bool) error { return setre(v, unchanged, 5, p) }, ids{5, 7, 7, 7}, false, ids{5, 5, 7, 5}, nil},
		{"setreuid of the real id to the saved one", func(v *ids, p bool) error { return setre(v, 7, unchanged, p) }, ids{5, 5, 7, 5}, false, ids{5, 5, 7, 5}, unix.EPERM},
		{"setresuid leaves", func(v *ids, p bool) error { return setIDs(v, [3]uint32{unchanged, 7, unchanged}, p) }, ids{5, 5, 7, 5}, false, ids{5, 7, 7, 7}, nil},
		{"setresuid to another id", func(v *ids, p bool) error { return setIDs(v, [3]uint32{unchanged, unchanged, 9}, p) }, ids{5, 5, 7, 5}, false, ids{5, 5, 7, 5}, unix.EPERM},
	} {
		got := tc.from
		if err := tc.set(&got, tc.privileged); err != tc.err || err == nil && got != tc.want {
			t.Errorf("%s: %v, %v; want %v, %v", tc.name, got, err, tc.want, tc.err)
		}
	}
}

// What a change of user ids and an execve do to the capabilities.
func TestCapabilityRules(t *testing.T) {
	const all, raw = sock.AllCaps, 1 << sock.CapNetRaw
	user := [4]uint32{5, 5, 5, 5}
	for _, tc := range []struct {
		name                 string
		from                 cred
		do                   func(c *cred)
		permitted, effective uint64
	}{
		{"root becomes a user", rootCred(), func(c *cred) { c.become(user) }, 0, 0},
		{"and keeps them", rootCred().with(secureKeepCaps), func(c *cred) { c.become(user) }, all, 0},
		{"without the fix-up", rootCred().with(secureNoFixup), func(c *cred) { c.become(user) }, all, all},
		{"the effective id alone", rootCred(), func(c *cred) { c.become([4]uint32{0, 5, 0, 5}) }, all, 0},
		{"and back", rootCred(), func(c *cred) { c.become([4]uint32{0, 5, 0, 5}); c.become([4]uint32{0, 0, 0, 0}) }, all, all},
		{"execve of root", cred{bounding: all, permitted: raw}, func(c *cred) { c.exec(false, fileCaps{}) }, all, all},
		{"with a bound", cred{bounding: raw}, func(c *cred) { c.exec(false, fileCaps{}) }, raw, raw},
		{"under no_new_privs", cred{bounding: all, permitted: raw}, func(c *cred) { c.exec(true, fileCaps{}) }, raw, raw},
		{"execve of a user", cred{uid: user, bounding: all, permitted: all, effective: all}, func(c *cred) { c.exec(false, fileCaps{}) }, 0, 0},
		{"of a file with capabilities", cred{uid: user, bounding: all}, func(c *cred) { c.exec(false, fileCaps{permitted: raw, effective: true}) }, raw, raw},
		{"that are not effective", cred{uid: user, bounding: all}, func(c *cred) { c.exec(false, fileCaps{permitted: raw}) }, raw, 0},
		{"that are not in the bound", cred{uid: user}, func(c *cred) { c.exec(false, fileCaps{permitted: raw, effective: true}) }, 0, 0},
		{"that are inheritable", cred{uid: user, inheritable: raw}, func(c *cred) { c.exec(false, fileCaps{inheritable: all, effective: true}) }, raw, raw},
		{"under no_new_privs", cred{uid: user, bounding: all}, func(c *cred) { c.exec(true, fileCaps{permitted: all, effective: true}) }, 0, 0},
		{"with ambient ones", cred{uid: user, bounding: all, permitted: all, ambient: raw}, func(c *cred) { c.exec(false, fileCaps{}) }, raw, raw},
	} {
		c := tc.from
		tc.do(&c)
		if c.permitted != tc.permitted || c.effective != tc.effective {
			t.Errorf("%s: permitted %#x, effective %#x; want %#x, %#x", tc.name, c.permitted, c.effective, uint64(tc.permitted), uint64(tc.effective))
		}
	}
}

func (c cred) with(secure uint32) cred {
	c.secure = secure
	return c
}

func (c *cred) become(ids [4]uint32) {
	old := c.uid
	c.uid = ids
	c.fixup(old)
}

func TestSetCaps(t *testing.T) {
	const raw, admin = 1 << sock.CapNetRaw, 1 << sock.CapNetAdmin
	c := cred{permitted: raw, effective: raw, bounding: raw | admin, ambient: raw}
	for _, tc := range []struct {
		name           string
		eff, perm, inh uint64
		err            error
	}{
		{"more than permitted", raw, raw | admin, 0, unix.EPERM},
		{"effective beyond permitted", raw, 0, 0, unix.EPERM},
		{"inheritable beyond permitted", 0, raw, admin, unix.EPERM},
		{"drop", 0, raw, 0, nil},
		{"drop for good", 0, 0, 0, nil},
		{"no way back", raw, raw, 0, unix.EPERM},
	} {
		if err := c.setCaps(tc.eff, tc.perm, tc.inh); err != tc.err {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
	}
	if c.ambient != 0 {
		t.Errorf("ambient %#x outlived its permission", c.ambient)
	}
}

func TestPaths(t *testing.T) {
	n := &Node{}
	n.shadow.dir = "/tmp/shadow"
	for p, want := range map[string]string{
		"/proc/net": "net", "/proc/net/dev": "net/dev", "/proc/self/net/dev": "proc/self/net/dev", "/proc/12/net": "proc/12/net",
		"/proc/12/task/13/net/udp": "proc/12/task/13/net/udp", "/proc/thread-self/net": "proc/thread-self/net", "/tmp/shadow/proc/7/net/x": "proc/7/net/x",
		"/proc/012/net": "", "/proc/-1/net": "", "/proc/12/task/net": "", "/proc/12/task/13/task/14/net": "", "/proc/thread-self/task/1/net": "", "/proc/self": "", "/proc/sys/net/ipv4": "sys/ipv4", "/sys/class/net/lo/mtu": "class/lo/mtu",
		"/sys/devices/virtual/net/lo": "class/lo", "/tmp/shadow/net/stat": "net/stat",
		"/proc/network": "", "/proc/x/net": "", "/proc/12/fd/net": "", "/proc/sys": "", "/tmp/shadow": "", "/etc/net": "",
	} {
		if got, ok := n.treePath(p); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v; want %q", p, got, ok, want)
		}
	}
	for p, want := range map[string]bool{
		"/run/nscd/socket": true, "/var/run/nscd/socket": true, "/run//avahi-daemon/../nscd/socket\x00rest": true,
		"/run/nscdx": false, "\x00/run/nscd/socket": false, "": false, "/tmp/x": false,
	} {
		if got := refusedPath([]byte(p)); got != want {
			t.Errorf("%q is refused: %v", p, got)
		}
	}
}

func TestArgSizes(t *testing.T) {
	for cmd, want := range map[uint32]int{
		0x541b: 4, 0x5411: 4, 0x8913: 40, 0x8946: 40, 0x8954: 68, 0x8906: 16, 0x80108906: 16, 0x5401: 0, 0x89e0: 40,
	} {
		if got := argSize(cmd); got != want {
			t.Errorf("%#x: %d, want %d", cmd, got, want)
		}
	}
}

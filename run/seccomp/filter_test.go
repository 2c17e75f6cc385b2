//go:build linux

package seccomp

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// machine runs a classic BPF program over struct seccomp_data. It knows the
// instructions that the builder emits and fails on any other.
func machine(t *testing.T, prog []unix.SockFilter, data []byte) uint32 {
	t.Helper()
	acc := uint32(0)
	for pc := 0; pc < len(prog); pc++ {
		in := prog[pc]
		var cond bool
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.NativeEndian.Uint32(data[in.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= in.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
			continue
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			cond = acc == in.K
		case unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K:
			cond = acc > in.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			cond = acc >= in.K
		case unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K:
			cond = acc&in.K != 0
		default:
			t.Fatalf("instruction %d: unknown code %#x", pc, in.Code)
		}
		if cond {
			pc += int(in.Jt)
		} else {
			pc += int(in.Jf)
		}
	}
	t.Fatal("the program ran off its end")
	return 0
}

func data(arch, nr uint32, args ...uint64) []byte {
	b := make([]byte, 64)
	binary.NativeEndian.PutUint32(b, nr)
	binary.NativeEndian.PutUint32(b[offArch:], arch)
	for i, a := range args {
		binary.NativeEndian.PutUint64(b[offArgs+8*i:], a)
	}
	return b
}

const (
	allow  = unix.SECCOMP_RET_ALLOW
	notify = unix.SECCOMP_RET_USER_NOTIF
)

func TestFilter(t *testing.T) {
	all := Config{Credentials: true, Chown: true, Namespaces: true, Mounts: true, Files: true, Mmap: true}
	for _, tc := range []struct {
		name string
		cfg  Config
		nr   uint32
		args []uint64
		want uint32
	}{
		{"read below the range", Config{}, unix.SYS_READ, []uint64{799}, allow},
		{"read first of the range", Config{}, unix.SYS_READ, []uint64{800}, notify},
		{"write last of the range", Config{}, unix.SYS_WRITE, []uint64{1023}, notify},
		{"writev above the range", Config{}, unix.SYS_WRITEV, []uint64{1024}, allow},
		{"read of -1", Config{}, unix.SYS_READ, []uint64{0xffffffff}, allow},
		{"the descriptor is an int", Config{}, unix.SYS_READ, []uint64{0xdeadbeef_00000320}, notify},
		{"sendfile looks at its output", Config{}, unix.SYS_SENDFILE, []uint64{900, 3}, notify},
		{"sendto stream", Config{}, unix.SYS_SENDTO, []uint64{5, 1, 1, 0, 0, 0}, allow},
		{"sendto with an address", Config{}, unix.SYS_SENDTO, []uint64{5, 1, 1, 0, 0x7f0000000000, 16}, notify},
		{"sendto with a low address", Config{}, unix.SYS_SENDTO, []uint64{5, 1, 1, 0, 0x1000, 16}, notify},
		{"recvfrom in the range", Config{}, unix.SYS_RECVFROM, []uint64{801, 1, 1, 0, 0, 0}, notify},
		{"socket AF_UNIX", Config{}, unix.SYS_SOCKET, []uint64{unix.AF_UNIX}, allow},
		{"socket AF_INET", Config{}, unix.SYS_SOCKET, []uint64{unix.AF_INET}, notify},
		{"socket AF_NETLINK", Config{}, unix.SYS_SOCKET, []uint64{unix.AF_NETLINK}, notify},
		{"socketpair AF_UNIX", Config{}, unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX}, allow},
		{"socketpair AF_TIPC", Config{}, unix.SYS_SOCKETPAIR, []uint64{30}, notify},
		{"connect", Config{}, unix.SYS_CONNECT, []uint64{3}, notify},
		{"recvmmsg", Config{}, unix.SYS_RECVMMSG, []uint64{3}, notify},
		{"io_uring", Config{}, unix.SYS_IO_URING_SETUP, nil, retENOSYS},
		{"bpf", Config{}, unix.SYS_BPF, nil, retENOSYS},
		{"SIOCGIFINDEX", Config{}, unix.SYS_IOCTL, []uint64{3, 0x8933}, notify},
		{"SIOCGIWNAME", Config{}, unix.SYS_IOCTL, []uint64{3, 0x8b01}, notify},
		{"TUNSETIFF", Config{}, unix.SYS_IOCTL, []uint64{3, 0x400454ca}, notify},
		{"FIONREAD", Config{}, unix.SYS_IOCTL, []uint64{3, 0x541b}, allow},
		{"FIONREAD in the range", Config{}, unix.SYS_IOCTL, []uint64{800, 0x541b}, notify},
		{"FIONBIO is native", Config{}, unix.SYS_IOCTL, []uint64{900, 0x5421}, allow},
		{"TCGETS of a terminal", Config{}, unix.SYS_IOCTL, []uint64{0, 0x5401}, allow},
		{"TCGETS in the range", Config{}, unix.SYS_IOCTL, []uint64{900, 0x5401}, notify},
		{"TIOCSCTTY", Config{}, unix.SYS_IOCTL, []uint64{0, 0x540e}, allow},
		{"getuid", Config{}, unix.SYS_GETUID, nil, allow},
		{"getuid emulated", all, unix.SYS_GETUID, nil, notify},
		{"prctl name", all, unix.SYS_PRCTL, []uint64{unix.PR_SET_NAME}, allow},
		{"prctl dumpable", all, unix.SYS_PRCTL, []uint64{unix.PR_SET_DUMPABLE}, notify},
		{"fchownat", all, unix.SYS_FCHOWNAT, nil, notify},
		{"unshare of mounts", all, unix.SYS_UNSHARE, []uint64{unix.CLONE_NEWNS}, allow},
		{"unshare of the network", all, unix.SYS_UNSHARE, []uint64{unix.CLONE_NEWNET}, notify},
		{"unshare natively", Config{}, unix.SYS_UNSHARE, []uint64{unix.CLONE_NEWNET}, allow},
		{"openat", all, unix.SYS_OPENAT, nil, notify},
		{"openat of a device", Config{}, unix.SYS_OPENAT, []uint64{0, 0, unix.O_RDWR | unix.O_CLOEXEC}, notify},
		{"openat of a file to make", Config{}, unix.SYS_OPENAT, []uint64{0, 0, unix.O_RDWR | unix.O_CREAT}, allow},
		{"openat2", Config{}, unix.SYS_OPENAT2, nil, notify},
		{"openat with a tree", Config{}, unix.SYS_OPENAT, nil, allow},
		{"mmap anonymous", all, unix.SYS_MMAP, []uint64{0, 1, 3, unix.MAP_ANONYMOUS | unix.MAP_PRIVATE, 0xffffffff}, allow},
		{"mmap of a ring", all, unix.SYS_MMAP, []uint64{0, 1, 3, unix.MAP_SHARED, 900}, notify},
		{"futex", all, unix.SYS_FUTEX, nil, allow},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := machine(t, Filter(tc.cfg), data(auditArch, tc.nr, tc.args...)); got != tc.want {
				t.Errorf("%#x, want %#x", got, tc.want)
			}
		})
	}
}

func TestOtherArchitecturesAreRefused(t *testing.T) {
	prog := Filter(Config{})
	for _, arch := range []uint32{0, unix.AUDIT_ARCH_I386, unix.AUDIT_ARCH_ARM} {
		if got := machine(t, prog, data(arch, unix.SYS_READ, 3)); got != retENOSYS {
			t.Errorf("arch %#x: %#x", arch, got)
		}
	}
	if x32Bit != 0 {
		if got := machine(t, prog, data(auditArch, x32Bit|unix.SYS_READ, 3)); got != retENOSYS {
			t.Errorf("x32: %#x", got)
		}
	}
}

func TestNoUserNamespaces(t *testing.T) {
	prog := NoUserNamespaces()
	const eperm, enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM), retENOSYS
	for _, tc := range []struct {
		nr   uint32
		arg  uint64
		want uint32
	}{
		{unix.SYS_CLONE, unix.CLONE_NEWUSER | unix.CLONE_NEWNET, eperm}, {unix.SYS_CLONE, unix.CLONE_VM, allow},
		{unix.SYS_UNSHARE, unix.CLONE_NEWUSER, eperm}, {unix.SYS_UNSHARE, unix.CLONE_NEWNET, allow},
		{unix.SYS_CLONE3, 0, enosys}, {unix.SYS_READ, 0, allow},
	} {
		if got := machine(t, prog, data(auditArch, tc.nr, tc.arg)); got != tc.want {
			t.Errorf("call %d, %#x: %#x, want %#x", tc.nr, tc.arg, got, tc.want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	s, err := parseStatus([]byte("Name:\ta:b\nTgid:\t12\nPPid:\t3\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t5 9 \nThreads:\t2\n" +
		"SigPnd:\t0000000000000000\nShdPnd:\t0000000000002001\nSigBlk:\t0000000000000001\nCapEff:\t000001ffffffffff\n"))
	if err != nil {
		t.Fatal(err)
	}
	if s.TGID != 12 || s.PPID != 3 || s.UID != [4]int{1, 2, 3, 4} || s.GID[3] != 8 || len(s.Groups) != 2 || s.CapEffective != 0x1ffffffffff {
		t.Errorf("%+v", s)
	}
	if s.Deliverable() != 0x2000 || s.Private() {
		t.Errorf("deliverable %#x, private %v", s.Deliverable(), s.Private())
	}
	if s.Threads = 1; !s.Private() {
		t.Error("the only thread takes every signal")
	}
	for _, bad := range []string{"", "Tgid:\tx\n", "Tgid:\t1\nUid:\t1\n", "Tgid:\t1\nSigPnd:\tzz\n", "Tgid:\t1\nGroups:\ta\n"} {
		if _, err := parseStatus([]byte(bad)); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	f.Add([]byte("Tgid:\t12\nUid:\t1\t2\t3\t4\nGroups:\t5 9 \nSigPnd:\t0\n"))
	f.Fuzz(func(t *testing.T, b []byte) { parseStatus(b) })
}

//go:build linux

package supervise

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"linen/run/seccomp"
)

// memory puts data at an address of this process, with pointer fields at the
// given offsets made to point into it, so that a parser follows them.
func memory(data []byte, pointers ...int) ([]byte, uint64) {
	b := make([]byte, len(data)+256)
	copy(b, data)
	base := uint64(uintptr(unsafe.Pointer(&b[0])))
	for _, off := range pointers {
		if v := le.Uint64(b[off:]); v != 0 {
			le.PutUint64(b[off:], base+v%uint64(len(b)))
		}
	}
	return b, base
}

func self() *call { return &call{Notif: seccomp.Notif{TID: uint32(os.Getpid())}} }

// A message header is any bytes: parsing it fails or gives bounded slices.
func FuzzParseMessage(f *testing.F) {
	f.Add(make([]byte, 56))
	ok := make([]byte, 128)
	le.PutUint64(ok, 64)     // msg_name
	le.PutUint32(ok[8:], 16) // msg_namelen
	le.PutUint64(ok[16:], 80)
	le.PutUint64(ok[24:], 1)
	le.PutUint64(ok[32:], 100)
	le.PutUint64(ok[40:], 20)
	f.Add(ok)
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		b, addr := memory(data, 0, 16, 32)
		s := transmit{c: self()}
		if err := s.header(addr); err == nil {
			if len(s.m.Name) > seccomp.MaxSockaddr || len(s.m.Control) > seccomp.MaxControl || len(s.m.Data) > maxSend {
				t.Errorf("%d, %d, %d bytes", len(s.m.Name), len(s.m.Control), len(s.m.Data))
			}
		}
		r := receive{c: self()}
		r.header(addr)
		runtime.KeepAlive(b)
	})
}

// An ioctl's argument is any bytes, whatever the command.
func FuzzParseIoctl(f *testing.F) {
	f.Add(uint32(0x8912), make([]byte, 16))
	f.Add(uint32(0x890b), make([]byte, 120))
	f.Add(uint32(0x8915), []byte("eth0"))
	f.Add(uint32(0x541b), []byte{})
	f.Add(uint32(0xffffffff), []byte{})
	f.Fuzz(func(t *testing.T, cmd uint32, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		var off []int
		switch cmd {
		case 0x8912:
			off = []int{8}
		case 0x890b, 0x890c:
			off = []int{offRtDev}
		}
		if size := argSize(cmd); size > len(data)+256 {
			return // it would write beyond the test's memory
		}
		b, addr := memory(data, off...)
		c := self()
		c.Args[2] = addr
		c.doIoctl(cmd, func(arg []byte) error {
			if len(arg) > maxIfconf+sizeofIfconf {
				t.Errorf("an argument of %d bytes", len(arg))
			}
			return os.ErrInvalid // nothing is written back
		})
		runtime.KeepAlive(b)
	})
}

// A filter program is any bytes behind any count.
func FuzzParseProgram(f *testing.F) {
	f.Add(make([]byte, 16))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 255, 255, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < sizeofFprog || len(data) > 1<<12 {
			return
		}
		b, _ := memory(data, 8)
		insns, err := self().program(b[:sizeofFprog])
		if err == nil && len(insns) > 8<<16 {
			t.Errorf("%d bytes", len(insns))
		}
		runtime.KeepAlive(b)
	})
}

// A path is the tree's only when it is below one of its directories.
func FuzzTreePath(f *testing.F) {
	for _, p := range []string{"/proc/net/dev", "/proc/self/net", "/proc/12/task/13/net/snmp", "/proc/netx", "/sys/class/net/lo/mtu", "/proc/sys/net/ipv4/ip_forward", "/", ""} {
		f.Add(p)
	}
	n := &Node{}
	f.Fuzz(func(t *testing.T, p string) {
		name, ok := n.treePath(p)
		if ok && (name == "" || len(p) < len("/proc/net")) {
			t.Errorf("%q is %q", p, name)
		}
		refusedPath([]byte(p))
	})
}

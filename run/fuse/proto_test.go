//go:build linux

package fuse

import (
	"encoding/binary"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
)

// raw builds a request as the kernel does.
func raw(op uint32, node uint64, body ...byte) []byte {
	b := make([]byte, inHeaderLen, inHeaderLen+len(body))
	e := binary.NativeEndian
	e.PutUint32(b[0:], uint32(inHeaderLen+len(body)))
	e.PutUint32(b[4:], op)
	e.PutUint64(b[8:], 77)
	e.PutUint64(b[16:], node)
	e.PutUint32(b[32:], 1234)
	return append(b, body...)
}

func words(v ...uint64) (b []byte) {
	for _, w := range v {
		b = binary.NativeEndian.AppendUint64(b, w)
	}
	return b
}

func TestParse(t *testing.T) {
	r, err := parse(raw(opLookup, 5, []byte("dev\x00")...))
	if err != nil || r.name != "dev" || r.node != 5 || r.unique != 77 || r.caller.PID != 1234 {
		t.Errorf("lookup = %+v, %v", r, err)
	}
	r, err = parse(raw(opWrite, 5, append(words(9, 3, 2, 0, 0), "hi"...)...))
	if err != nil || r.handle != 9 || r.offset != 3 || string(r.data) != "hi" {
		t.Errorf("write = %+v, %v", r, err)
	}
	r, err = parse(raw(opBatchForget, 0, words(2, 4, 1, 5, 2)...))
	if err != nil || len(r.forgets) != 2 || r.forgets[1] != (forgetOne{5, 2}) {
		t.Errorf("batch forget = %+v, %v", r, err)
	}
}

func TestParseRefusesTruncation(t *testing.T) {
	for _, whole := range [][]byte{
		raw(opLookup, 1, []byte("dev\x00")...), raw(opRead, 1, words(1, 2, 3, 4, 5)...),
		raw(opWrite, 1, append(words(9, 3, 2, 0, 0), "hi"...)...),
		raw(opBatchForget, 0, words(2, 4, 1, 5, 2)...), raw(opInit, 0, words(7, 31)...),
		raw(opSetattr, 1, make([]byte, 88)...), raw(opRelease, 1, words(1, 2, 3)...),
	} {
		for n := range whole {
			if _, err := parse(whole[:n]); err == nil {
				t.Errorf("op %d: %d of %d bytes parsed", whole[4], n, len(whole))
			}
			if n >= inHeaderLen { // and with a header that agrees
				cut := append([]byte{}, whole[:n]...)
				binary.NativeEndian.PutUint32(cut, uint32(n))
				if _, err := parse(cut); err == nil {
					t.Errorf("op %d: body of %d bytes parsed", whole[4], n-inHeaderLen)
				}
			}
		}
	}
}

// tester is a server without a connection.
func tester(t testing.TB) *Server { return newServer(Sample(t)) }

// call runs one request and returns the body of its reply.
func call(t *testing.T, s *Server, b []byte) ([]byte, unix.Errno) {
	t.Helper()
	r, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	out := newReply(0)
	errno := errnoOf(s.handle(&r, out))
	return (*out)[outHeaderLen:], errno
}

func TestInit(t *testing.T) {
	body, errno := call(t, tester(t), raw(opInit, 0, words(7|38<<32, 0xffffffff<<32)...))
	if errno != 0 || len(body) != initOutLen || binary.NativeEndian.Uint32(body[12:]) != initDirops {
		t.Errorf("init = % x, %v", body, errno)
	}
	if _, errno := call(t, tester(t), raw(opInit, 0, words(7|12<<32, 0)...)); errno != unix.EPROTO {
		t.Errorf("an old kernel is %v, want EPROTO", errno)
	}
}

func TestNumbersLiveUntilForgotten(t *testing.T) {
	s := tester(t)
	var ids [2]uint64
	for i := range ids {
		body, errno := call(t, s, raw(opLookup, rootID, []byte("net\x00")...))
		if errno != 0 || len(body) != entryOutLen {
			t.Fatalf("lookup = %d bytes, %v", len(body), errno)
		}
		ids[i] = binary.NativeEndian.Uint64(body)
	}
	if ids[0] != ids[1] {
		t.Fatalf("two numbers for one path: %v", ids)
	}
	s.forget([]forgetOne{{ids[0], 1}})
	if _, errno := call(t, s, raw(opGetattr, ids[0], words(0, 0)...)); errno != 0 {
		t.Errorf("forgotten once of two: %v", errno)
	}
	s.forget([]forgetOne{{ids[0], 1}, {rootID, 1}, {999, 1}})
	if _, errno := call(t, s, raw(opGetattr, ids[0], words(0, 0)...)); errno != unix.ESTALE {
		t.Errorf("forgotten: %v, want ESTALE", errno)
	}
	if len(s.mu.paths) != 1 || len(s.mu.numbers) != 1 {
		t.Errorf("%d numbers, %d paths are left", len(s.mu.paths), len(s.mu.numbers))
	}
}

func TestReaddirResumes(t *testing.T) {
	d := filetree.NewDir()
	for i := range 50 {
		d.Add("entry"+strings.Repeat("x", i), text(""))
	}
	s := newServer(Tree{Root: func(Caller) *filetree.Node { return d }})
	body, errno := call(t, s, raw(opOpendir, rootID, words(0)...))
	if errno != 0 {
		t.Fatal(errno)
	}
	fh := binary.NativeEndian.Uint64(body)
	seen := 0
	for off := uint64(0); ; {
		body, errno := call(t, s, raw(opReaddir, rootID, words(fh, off, 256, 0, 0)...))
		if errno != 0 || len(body) > 256 {
			t.Fatalf("readdir = %d bytes, %v", len(body), errno)
		}
		if len(body) == 0 {
			break
		}
		for len(body) > 0 {
			n := int(binary.NativeEndian.Uint32(body[16:]))
			off = binary.NativeEndian.Uint64(body[8:])
			body = body[(direntLen+n+7)&^7:]
			seen++
		}
	}
	if seen != 52 {
		t.Errorf("%d entries, want 52", seen)
	}
}

func TestErrors(t *testing.T) {
	s := tester(t)
	for _, tc := range []struct {
		name string
		req  []byte
		want unix.Errno
	}{
		{"unknown operation", raw(99, rootID), unix.ENOSYS},
		{"unknown number", raw(opGetattr, 42, words(0, 0)...), unix.ESTALE},
		{"no such name", raw(opLookup, rootID, []byte("nothing\x00")...), unix.ENOENT},
		{"unknown handle", raw(opRead, rootID, words(5, 0, 1, 0, 0)...), unix.EBADF},
		{"chmod", raw(opSetattr, rootID, append([]byte{attrMode, 0, 0, 0}, make([]byte, 84)...)...), unix.EPERM},
		{"truncate", raw(opSetattr, rootID, append([]byte{1 << 3, 0, 0, 0}, make([]byte, 84)...)...), 0},
		{"open of a directory", raw(opOpen, rootID, words(0)...), unix.EISDIR},
		{"readlink of a directory", raw(opReadlink, rootID), unix.EINVAL},
	} {
		if _, errno := call(t, s, tc.req); errno != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, errno, tc.want)
		}
	}
}

// The open of a caller whose emulated credentials are too small.
func TestAccess(t *testing.T) {
	tree := Sample(t)
	tree.Access = func(c Caller, _ *filetree.Node) error {
		if c.PID == 1234 {
			return unix.EACCES
		}
		return nil
	}
	s := newServer(tree)
	id := uint64(rootID)
	for _, name := range []string{"sys", "ipv4", "ip_forward"} {
		body, errno := call(t, s, raw(opLookup, id, append([]byte(name), 0)...))
		if errno != 0 {
			t.Fatal(errno)
		}
		id = binary.NativeEndian.Uint64(body)
	}
	if _, errno := call(t, s, raw(opOpen, id, words(unix.O_RDWR)...)); errno != unix.EACCES {
		t.Errorf("open for writing: %v, want EACCES", errno)
	}
	if _, errno := call(t, s, raw(opOpen, id, words(unix.O_RDONLY)...)); errno != 0 {
		t.Errorf("open for reading: %v", errno)
	}
}

func TestModeBits(t *testing.T) {
	for m, want := range map[fs.FileMode]uint32{
		fs.ModeDir | 0o555: unix.S_IFDIR | 0o555, 0o644: unix.S_IFREG | 0o644, fs.ModeSymlink | 0o777: unix.S_IFLNK | 0o777,
	} {
		if got := modeBits(m); got != want {
			t.Errorf("modeBits(%v) = %o, want %o", m, got, want)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(raw(opLookup, rootID, []byte("net\x00")...))
	f.Add(raw(opRead, 2, words(1, 0, 4096, 0, 0)...))
	f.Add(raw(opWrite, 2, append(words(9, 3, 2, 0, 0), "hi"...)...))
	f.Add(raw(opBatchForget, 0, words(2, 4, 1, 5, 2)...))
	f.Add(raw(opInit, 0, words(7|38<<32, 0)...))
	f.Add(raw(opOpendir, rootID, words(0)...))
	f.Add(raw(opReaddir, rootID, words(2, 0, 4096, 0, 0)...))
	f.Add(raw(opSetattr, rootID, make([]byte, 88)...))
	s := tester(f)
	call := func(b []byte) {
		r, err := parse(b)
		if err != nil {
			return
		}
		if r.op == opForget || r.op == opBatchForget {
			s.forget(r.forgets)
			return
		}
		s.handle(&r, newReply(0))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > readBuffer {
			return
		}
		call(b)
	})
}

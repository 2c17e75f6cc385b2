//go:build linux

// Package msg carries JSON messages and open files between the parts of a
// running linen: the daemon, its clients and the init process of each node. One
// message is one record of an AF_UNIX SOCK_SEQPACKET socket; a large one (an
// environment can be megabytes) travels in a memfd.
//
// Linux files: net/unix/af_unix.c, mm/memfd.c; unix(7), memfd_create(2).
package msg

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// The first byte of a record says where the JSON text is.
const (
	inline   = 'J' // behind the byte
	inMemory = 'M' // in a memfd, which is the last file of the record
)

const (
	maxInline = 32 << 10 // bytes of JSON in the record; below the smallest default send buffer
	maxText   = 16 << 20 // bytes of JSON that a receiver accepts; ARG_MAX is 2 MiB
	maxFiles  = 16       // files in one record
)

// Conn is one end. Send and Recv may each be called from several goroutines.
type Conn struct {
	c    *net.UnixConn
	send sync.Mutex
	recv sync.Mutex
	buf  [maxInline + 1]byte
}

// New wraps a connected SOCK_SEQPACKET socket.
func New(c *net.UnixConn) *Conn { return &Conn{c: c} }

// FromFile takes over f, a connected SOCK_SEQPACKET socket.
func FromFile(f *os.File) (*Conn, error) {
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("msg: %w", err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("msg: not an AF_UNIX socket")
	}
	return New(u), nil
}

// Pair makes a connected pair: an end to use and a file to hand to a child.
func Pair() (*Conn, *os.File, error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("msg: socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(p[1]), "control")
	ours, err := FromFile(os.NewFile(uintptr(p[0]), "control"))
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

// Close ends the connection; a Recv on either side returns.
func (c *Conn) Close() error { return c.c.Close() }

// PeerUID returns the user at the other end when it connected (SO_PEERCRED).
func (c *Conn) PeerUID() (int, error) {
	raw, err := c.c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	var credErr error
	if err := raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return -1, err
	}
	if credErr != nil {
		return -1, fmt.Errorf("msg: peer credentials: %w", credErr)
	}
	return int(cred.Uid), nil
}

// Send encodes v and sends it with duplicates of files, which stay the
// caller's.
func (c *Conn) Send(v any, files ...*os.File) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("msg: %w", err)
	}
	if len(files) > maxFiles-1 {
		return fmt.Errorf("msg: %d files in one message", len(files))
	}
	record := append([]byte{inline}, text...)
	if len(text) > maxInline {
		mem, err := inMemfd(text)
		if err != nil {
			return err
		}
		defer mem.Close()
		record, files = []byte{inMemory}, append(files[:len(files):len(files)], mem)
	}
	var oob []byte
	if len(files) > 0 {
		fds := make([]int, len(files))
		for i, f := range files {
			if fds[i], err = FD(f); err != nil {
				return err
			}
		}
		oob = unix.UnixRights(fds...)
	}
	c.send.Lock()
	defer c.send.Unlock()
	_, _, err = c.c.WriteMsgUnix(record, oob, nil)
	runtime.KeepAlive(files)
	return err
}

func inMemfd(text []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("linen-message", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("msg: memfd: %w", err)
	}
	f := os.NewFile(uintptr(fd), "message")
	if _, err := f.WriteAt(text, 0); err != nil {
		f.Close()
		return nil, fmt.Errorf("msg: memfd: %w", err)
	}
	return f, nil
}

// Recv waits for a message, decodes it into v and returns its files. io.EOF
// when the other end has gone.
func (c *Conn) Recv(v any) ([]*os.File, error) {
	c.recv.Lock()
	defer c.recv.Unlock()
	oob := make([]byte, unix.CmsgSpace(4*maxFiles))
	n, oobn, flags, _, err := c.c.ReadMsgUnix(c.buf[:], oob)
	if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
		return nil, io.EOF // ECONNRESET: it went without reading our last message
	}
	if err != nil {
		return nil, err
	}
	files, err := parseFiles(oob[:oobn])
	if err == nil && (n == 0 || flags&(unix.MSG_TRUNC|unix.MSG_CTRUNC) != 0) {
		err = errors.New("msg: truncated message")
	}
	if err == nil {
		files, err = decode(c.buf[:n], files, v)
	}
	if err != nil {
		CloseAll(files)
		return nil, err
	}
	return files, nil
}

func parseFiles(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	cmsgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, fmt.Errorf("msg: %w", err)
	}
	var files []*os.File
	for _, m := range cmsgs {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			continue // not SCM_RIGHTS
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

// decode always returns the files that are still open.
func decode(record []byte, files []*os.File, v any) ([]*os.File, error) {
	text := record[1:]
	switch record[0] {
	case inline:
	case inMemory:
		if len(files) == 0 {
			return files, errors.New("msg: message without its memory")
		}
		mem := files[len(files)-1]
		files = files[:len(files)-1]
		defer mem.Close()
		var err error
		if text, err = io.ReadAll(io.NewSectionReader(mem, 0, maxText)); err != nil {
			return files, fmt.Errorf("msg: memfd: %w", err)
		}
	default:
		return files, fmt.Errorf("msg: unknown record %#x", record[0])
	}
	if err := json.Unmarshal(text, v); err != nil {
		return files, fmt.Errorf("msg: %w", err)
	}
	return files, nil
}

// MakeBlocking undoes what os.Pipe and os.Open do to files that are about to
// become a program's descriptors: programs expect read and write to wait. os/exec
// does the same.
func MakeBlocking(files []*os.File) {
	for _, f := range files {
		f.Fd()
	}
}

// CloseAll closes every file.
func CloseAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// FD returns the descriptor of f without making it blocking, which os.File.Fd
// does to everybody who shares the open file. f must be kept alive meanwhile.
func FD(f *os.File) (int, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	if err := raw.Control(func(d uintptr) { fd = int(d) }); err != nil {
		return -1, err
	}
	return fd, nil
}

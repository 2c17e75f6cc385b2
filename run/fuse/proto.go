//go:build linux

package fuse

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Operations (enum fuse_opcode).
const (
	opLookup      = 1
	opForget      = 2
	opGetattr     = 3
	opSetattr     = 4
	opReadlink    = 5
	opSymlink     = 6
	opMknod       = 8
	opMkdir       = 9
	opUnlink      = 10
	opRmdir       = 11
	opRename      = 12
	opLink        = 13
	opOpen        = 14
	opRead        = 15
	opWrite       = 16
	opStatfs      = 17
	opRelease     = 18
	opInit        = 26
	opOpendir     = 27
	opReaddir     = 28
	opReleasedir  = 29
	opCreate      = 35
	opInterrupt   = 36
	opDestroy     = 38
	opBatchForget = 42
	opRename2     = 45
)

// Sizes of the protocol's structures.
const (
	inHeaderLen  = 40 // struct fuse_in_header
	outHeaderLen = 16 // struct fuse_out_header
	attrLen      = 88 // struct fuse_attr
	entryOutLen  = 40 + attrLen
	attrOutLen   = 16 + attrLen
	openOutLen   = 16
	initOutLen   = 64
	statfsOutLen = 80
	direntLen    = 24 // struct fuse_dirent without its name
)

const (
	protoMajor = 7
	protoMinor = 31 // struct sizes as above
	// maxWrite keeps the buffer of an idle node small; sysctl values are shorter.
	maxWrite = 4096
	// readBuffer is FUSE_MIN_READ_BUFFER, more than a header and maxWrite.
	readBuffer = 8192

	rootID = 1 // FUSE_ROOT_ID

	fopenDirectIO = 1 << 0  // FOPEN_DIRECT_IO: no page cache, so a size of 0 can be read
	initDirops    = 1 << 18 // FUSE_PARALLEL_DIROPS

	attrMode = 1 << 0 // FATTR_MODE
	attrUID  = 1 << 1
	attrGID  = 1 << 2
)

// errShort is the parser's one complaint.
var errShort = errors.New("fuse: short request")

// request is one decoded request. Which fields mean something depends on op.
type request struct {
	op     uint32
	unique uint64
	node   uint64
	caller Caller

	name    string      // lookup
	handle  uint64      // read, write, release
	offset  uint64      // read, write, readdir
	size    uint32      // read, readdir
	data    []byte      // write; a part of the parsed buffer
	flags   uint32      // open: O_*; setattr: FATTR_*; init: FUSE_*
	major   uint32      // init
	minor   uint32      // init
	forgets []forgetOne // forget, batch forget
}

type forgetOne struct {
	node  uint64
	count uint64
}

// parse decodes one request from the device.
func parse(b []byte) (request, error) {
	if len(b) < inHeaderLen {
		return request{}, errShort
	}
	e := binary.NativeEndian
	r := request{
		op: e.Uint32(b[4:]), unique: e.Uint64(b[8:]), node: e.Uint64(b[16:]),
		caller: Caller{UID: e.Uint32(b[24:]), GID: e.Uint32(b[28:]), PID: e.Uint32(b[32:])},
	}
	if n := e.Uint32(b); n < inHeaderLen || uint64(n) > uint64(len(b)) {
		return r, errShort
	} else {
		b = b[inHeaderLen:n]
	}
	return r, r.body(b)
}

// need are the fixed lengths of the bodies that body reads.
func need(op uint32) int {
	switch op {
	case opForget, opOpen, opOpendir, opBatchForget:
		return 8
	case opSetattr:
		return 88
	case opRead, opReaddir, opWrite:
		return 40
	case opRelease, opReleasedir:
		return 24
	case opInit:
		return 16
	}
	return 0
}

func (r *request) body(b []byte) error {
	if len(b) < need(r.op) {
		return errShort
	}
	e := binary.NativeEndian
	switch r.op {
	case opLookup:
		i := bytes.IndexByte(b, 0)
		if i < 0 {
			return errShort
		}
		r.name = string(b[:i])
	case opForget:
		r.forgets = []forgetOne{{r.node, e.Uint64(b)}}
	case opBatchForget:
		return r.batch(b)
	case opSetattr, opOpen, opOpendir:
		r.flags = e.Uint32(b)
	case opRead, opReaddir, opWrite:
		r.handle, r.offset, r.size = e.Uint64(b), e.Uint64(b[8:]), e.Uint32(b[16:])
		if r.op == opWrite {
			if uint64(len(b)-40) < uint64(r.size) {
				return errShort
			}
			r.data = b[40 : 40+r.size]
		}
	case opRelease, opReleasedir:
		r.handle = e.Uint64(b)
	case opInit:
		r.major, r.minor, r.flags = e.Uint32(b), e.Uint32(b[4:]), e.Uint32(b[12:])
	}
	return nil
}

func (r *request) batch(b []byte) error {
	e := binary.NativeEndian
	n, b := e.Uint32(b), b[8:]
	if uint64(len(b)) < 16*uint64(n) {
		return errShort
	}
	for ; n > 0; n-- {
		r.forgets = append(r.forgets, forgetOne{e.Uint64(b), e.Uint64(b[8:])})
		b = b[16:]
	}
	return nil
}

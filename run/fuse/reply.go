//go:build linux

package fuse

import (
	"encoding/binary"
	"io/fs"

	"golang.org/x/sys/unix"
)

// encoder appends native-endian fields.
type encoder []byte

func (e *encoder) u16(v uint16) { *e = binary.NativeEndian.AppendUint16(*e, v) }
func (e *encoder) u32(v uint32) { *e = binary.NativeEndian.AppendUint32(*e, v) }
func (e *encoder) u64(v uint64) { *e = binary.NativeEndian.AppendUint64(*e, v) }
func (e *encoder) zero(n int)   { *e = append(*e, make([]byte, n)...) }

// newReply starts a reply with room for n bytes behind its header, which finish
// fills in.
func newReply(n int) *encoder {
	e := make(encoder, outHeaderLen, outHeaderLen+n)
	return &e
}

func (e encoder) finish(unique uint64, errno unix.Errno) []byte {
	binary.NativeEndian.PutUint32(e[0:], uint32(len(e)))
	binary.NativeEndian.PutUint32(e[4:], uint32(-int32(errno)))
	binary.NativeEndian.PutUint64(e[8:], unique)
	return e
}

// attr is struct fuse_attr. Owner and group are root of the user namespace.
func (e *encoder) attr(ino uint64, mode fs.FileMode, size int64) {
	e.u64(ino)
	e.u64(uint64(size))
	e.zero(8 * 4) // blocks, atime, mtime, ctime
	e.zero(4 * 3) // their nanoseconds
	e.u32(modeBits(mode))
	e.u32(1)      // nlink
	e.zero(4 * 3) // uid, gid, rdev
	e.u32(4096)   // blksize
	e.u32(0)      // flags
}

// entry is struct fuse_entry_out with both lifetimes 0.
func (e *encoder) entry(ino uint64, mode fs.FileMode, size int64) {
	e.u64(ino)
	e.zero(8 + 8 + 8 + 4 + 4)
	e.attr(ino, mode, size)
}

// init is struct fuse_init_out.
func (e *encoder) init(flags uint32) {
	e.u32(protoMajor)
	e.u32(protoMinor)
	e.u32(0) // max_readahead: there is no page cache
	e.u32(flags & initDirops)
	e.u16(16) // max_background
	e.u16(12) // congestion_threshold
	e.u32(maxWrite)
	e.u32(1) // time_gran, nanoseconds
	e.zero(initOutLen - 28)
}

// statfs is struct fuse_statfs_out of a file system without blocks, as proc.
func (e *encoder) statfs() {
	e.zero(5 * 8)
	e.u32(4096) // bsize
	e.u32(255)  // namelen
	e.u32(4096) // frsize
	e.zero(statfsOutLen - 5*8 - 12)
}

// dirent appends struct fuse_dirent and reports whether it fitted into limit
// bytes of entries. next is the offset that continues behind it.
func (e *encoder) dirent(limit int, ino, next uint64, t fs.FileMode, name string) bool {
	padded := (direntLen + len(name) + 7) &^ 7
	if len(*e)-outHeaderLen+padded > limit {
		return false
	}
	e.u64(ino)
	e.u64(next)
	e.u32(uint32(len(name)))
	e.u32(modeBits(t) >> 12)
	*e = append(*e, name...)
	e.zero(padded - direntLen - len(name))
	return true
}

// modeBits translates to st_mode.
func modeBits(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	switch m.Type() {
	case fs.ModeDir:
		return bits | unix.S_IFDIR
	case fs.ModeSymlink:
		return bits | unix.S_IFLNK
	}
	return bits | unix.S_IFREG
}

//go:build linux

package supervise

import (
	"hash/fnv"
	"unsafe"

	"golang.org/x/sys/unix"

	"linen/lib/filetree"
	"linen/net/sock"
)

// modeOf is a node's st_mode.
func modeOf(n *filetree.Node) uint32 {
	m := uint32(n.Mode.Perm())
	switch {
	case n.IsDir():
		return m | unix.S_IFDIR
	case n.IsSymlink():
		return m | unix.S_IFLNK
	}
	return m | unix.S_IFREG
}

// inode gives a path a number that stays the same.
func inode(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64() >> 16
}

// stat answers the stat family but statx.
func (c *call) stat(dirfd int, addr, to uint64, follow bool) (int64, error) {
	name, node, ours, err := c.kernelFile(dirfd, addr, follow)
	if err != nil {
		return 0, err
	}
	if !ours {
		return 0, errContinue
	}
	if node == nil {
		return 0, unix.ENOENT
	}
	var st unix.Stat_t
	st.Ino, st.Mode, st.Nlink, st.Size, st.Blksize = inode(name), modeOf(node), 1, node.Size, blockSize
	return 0, c.target().Write(to, unsafe.Slice((*byte)(unsafe.Pointer(&st)), unsafe.Sizeof(st)))
}

// blockSize is st_blksize in /proc: a page.
const blockSize = 4096

func statx(c *call) (int64, error) {
	name, node, ours, err := c.kernelFile(c.intArg(0), c.ptr(1), c.intArg(2)&unix.AT_SYMLINK_NOFOLLOW == 0)
	if err != nil {
		return 0, err
	}
	if !ours {
		return 0, errContinue
	}
	if node == nil {
		return 0, unix.ENOENT
	}
	st := unix.Statx_t{
		Mask: unix.STATX_BASIC_STATS, Blksize: blockSize, Nlink: 1,
		Mode: uint16(modeOf(node)), Ino: inode(name), Size: uint64(node.Size),
	}
	return 0, c.target().Write(c.ptr(4), unsafe.Slice((*byte)(unsafe.Pointer(&st)), unsafe.Sizeof(st)))
}

// access answers the access family by the node's permissions; who has
// CAP_NET_ADMIN may do what anybody may.
func (c *call) access(dirfd int, addr uint64, mode int) (int64, error) {
	_, node, ours, err := c.kernelFile(dirfd, addr, true)
	if err != nil {
		return 0, err
	}
	if !ours {
		return 0, errContinue
	}
	if node == nil {
		return 0, unix.ENOENT
	}
	perm := uint32(node.Mode.Perm())
	have := perm & 7
	if who := c.who(); who.Capable(sock.CapNetAdmin) || who.UID == 0 {
		have = (perm | perm>>3 | perm>>6) & 7
	}
	if uint32(mode)&7&^have != 0 {
		return 0, unix.EACCES
	}
	return 0, nil
}

func (c *call) readlink(dirfd int, addr, to, size uint64) (int64, error) {
	_, node, ours, err := c.kernelFile(dirfd, addr, false)
	if err != nil {
		return 0, err
	}
	if !ours {
		return 0, errContinue
	}
	switch {
	case node == nil:
		return 0, unix.ENOENT
	case !node.IsSymlink() || int64(size) <= 0:
		return 0, unix.EINVAL
	}
	b := []byte(node.Target)[:min(uint64(len(node.Target)), size)]
	return int64(len(b)), c.target().Write(to, b)
}

//go:build linux

package supervise_test

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Of a ring with two frames of TPACKET_V2.
const (
	ringFrame = 2048
	ringSize  = 2 * ringFrame
)

// packetRing maps the ring of a packet socket and reads frames from it.
func packetRing() error {
	var c checks
	udp, self, err := bound()
	if err != nil {
		return err
	}
	_, err = unix.Mmap(udp, 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	c.ok("a socket without memory", err == unix.ENODEV, err)
	ipv4 := int(binary.NativeEndian.Uint16([]byte{8, 0})) // ETH_P_IP in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	_, err = unix.Mmap(fd, 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	c.ok("no ring yet", err == unix.EINVAL, err)
	c.ok("version", unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2) == nil)
	req := unix.TpacketReq{Block_size: ringSize, Block_nr: 1, Frame_size: ringFrame, Frame_nr: 2}
	c.ok("ring", unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req) == nil)
	_, err = unix.Mmap(fd, 0, 2*ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	c.ok("not its size", err == unix.EINVAL, err)
	mem, err := unix.Mmap(fd, 0, ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	lo := unix.SockaddrLinklayer{Protocol: uint16(ipv4), Ifindex: 1}
	c.ok("bind", unix.Bind(fd, &lo) == nil)
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	c.ok("the socket is a socket again", err == nil && v == unix.SOCK_RAW, v, err)
	c.ok("nothing to read", wait(fd, unix.POLLIN, 0) == 0)
	for i := range 6 {
		status := (*uint32)(unsafe.Pointer(&mem[i%2*ringFrame]))
		text := fmt.Sprintf("datagram %d", i)
		c.ok("send", unix.Sendto(udp, []byte(text), 0, self) == nil)
		c.ok("readable", wait(fd, unix.POLLIN, 30000) == unix.POLLIN, i)
		c.ok("a frame", atomic.LoadUint32(status)&unix.TP_STATUS_USER != 0, i)
		frame := mem[i%2*ringFrame : (i%2+1)*ringFrame]
		mac, size := int(binary.NativeEndian.Uint16(frame[12:])), int(binary.NativeEndian.Uint32(frame[8:]))
		c.ok("its bytes", size == 14+28+len(text) && string(frame[mac+42:mac+size]) == text, i, size)
		atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
		end := time.Now().Add(30 * time.Second)
		for wait(fd, unix.POLLIN, 0) != 0 {
			if time.Now().After(end) {
				return fmt.Errorf("readable although frame %d was given back; %w", i, c.err())
			}
		}
	}
	c.ok("munmap", unix.Munmap(mem) == nil)
	c.ok("close", unix.Close(fd) == nil)
	return c.err()
}

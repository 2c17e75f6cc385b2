package ethtool

import (
	"bytes"
	"encoding/binary"

	"linen/net/dev"
	"linen/net/netns"
	"linen/uapi"
	"linen/uapi/errno"
)

// Room is how many bytes the memory of an ioctl has: no answer is longer.
const Room = 1 << 16

// RequestSize returns how many bytes of the caller's memory the command cmd
// reads, of at most Room.
func RequestSize(cmd uint32) int {
	switch cmd {
	case uapi.ETHTOOL_GSTRINGS:
		return 12
	case uapi.ETHTOOL_SRXCSUM, uapi.ETHTOOL_STXCSUM, uapi.ETHTOOL_SSG, uapi.ETHTOOL_STSO, uapi.ETHTOOL_SGSO,
		uapi.ETHTOOL_SFLAGS, uapi.ETHTOOL_SGRO, uapi.ETHTOOL_GSTATS, uapi.ETHTOOL_GPERMADDR, uapi.ETHTOOL_GFEATURES:
		return 8
	case uapi.ETHTOOL_SFEATURES:
		return 8 + 8*(size/32)
	case uapi.ETHTOOL_GSSET_INFO:
		return 16
	case uapi.ETHTOOL_SCHANNELS:
		return sizeofChannels
	case uapi.ETHTOOL_GLINKSETTINGS:
		return sizeofLinkSettings
	}
	return 4
}

// Sizes of structs of linux/ethtool.h.
const (
	sizeofCmd          = 44  // struct ethtool_cmd
	sizeofDrvinfo      = 196 // struct ethtool_drvinfo
	sizeofChannels     = 36  // struct ethtool_channels
	sizeofLinkSettings = 48  // struct ethtool_link_settings
	sizeofTSInfo       = 44  // struct ethtool_ts_info
)

// An operation does one command on mem, the caller's memory with Room bytes,
// and returns how many of them are the answer.
type operation func(d *dev.Device, mem []byte) (int, error)

// Ioctl does SIOCETHTOOL (dev_ethtool) on the device called name: mem is the
// memory that ifr_data points to, with Room bytes, of which the first
// RequestSize are read. It returns how many bytes of mem go back. ENODEV, EPERM
// for changes without admin (CAP_NET_ADMIN), EOPNOTSUPP for what the device has
// not.
func Ioctl(n *netns.Net, name string, mem []byte, admin bool) (int, error) {
	if len(mem) < Room {
		return 0, errno.EFAULT
	}
	n.Lock()
	defer n.Unlock()
	d := dev.ByName(n, name)
	if d == nil {
		return 0, errno.ENODEV
	}
	cmd := binary.NativeEndian.Uint32(mem)
	if !admin && !everybodys(cmd) {
		return 0, errno.EPERM
	}
	if do := operationOf(cmd); do != nil {
		return do(d, mem)
	}
	return 0, errno.EOPNOTSUPP
}

// everybodys reports a command that asks for no privilege (dev_ethtool).
func everybodys(cmd uint32) bool {
	switch cmd {
	case uapi.ETHTOOL_GSET, uapi.ETHTOOL_GDRVINFO, uapi.ETHTOOL_GMSGLVL, uapi.ETHTOOL_GLINK, uapi.ETHTOOL_GCOALESCE,
		uapi.ETHTOOL_GRINGPARAM, uapi.ETHTOOL_GPAUSEPARAM, uapi.ETHTOOL_GRXCSUM, uapi.ETHTOOL_GTXCSUM, uapi.ETHTOOL_GSG,
		uapi.ETHTOOL_GSSET_INFO, uapi.ETHTOOL_GSTRINGS, uapi.ETHTOOL_GSTATS, uapi.ETHTOOL_GPHYSTATS, uapi.ETHTOOL_GTSO,
		uapi.ETHTOOL_GPERMADDR, uapi.ETHTOOL_GUFO, uapi.ETHTOOL_GGSO, uapi.ETHTOOL_GGRO, uapi.ETHTOOL_GFLAGS,
		uapi.ETHTOOL_GPFLAGS, uapi.ETHTOOL_GRXFH, uapi.ETHTOOL_GRXRINGS, uapi.ETHTOOL_GRXCLSRLCNT, uapi.ETHTOOL_GRXCLSRULE,
		uapi.ETHTOOL_GRXCLSRLALL, uapi.ETHTOOL_GRXFHINDIR, uapi.ETHTOOL_GRSSH, uapi.ETHTOOL_GFEATURES, uapi.ETHTOOL_GCHANNELS,
		uapi.ETHTOOL_GET_TS_INFO, uapi.ETHTOOL_GEEE, uapi.ETHTOOL_GTUNABLE, uapi.ETHTOOL_PHY_GTUNABLE,
		uapi.ETHTOOL_GLINKSETTINGS, uapi.ETHTOOL_GFECPARAM:
		return true
	}
	return false
}

// operationOf returns what does a command, nil for one that no device has.
func operationOf(cmd uint32) operation {
	switch cmd {
	case uapi.ETHTOOL_GSET:
		return ioctlSettings
	case uapi.ETHTOOL_GLINKSETTINGS:
		return ioctlLinkSettings
	case uapi.ETHTOOL_GDRVINFO:
		return ioctlDriver
	case uapi.ETHTOOL_GLINK:
		return ioctlLink
	case uapi.ETHTOOL_GSSET_INFO:
		return ioctlSetInfo
	case uapi.ETHTOOL_GSTRINGS:
		return ioctlStrings
	case uapi.ETHTOOL_GSTATS:
		return ioctlStats
	case uapi.ETHTOOL_GPERMADDR:
		return ioctlPermAddr
	case uapi.ETHTOOL_GCHANNELS:
		return ioctlChannels
	case uapi.ETHTOOL_SCHANNELS:
		return ioctlSetChannels
	case uapi.ETHTOOL_GET_TS_INFO:
		return ioctlStamps
	}
	return featureOperation(cmd)
}

// ioctlSettings is ETHTOOL_GSET, which a speed above 16 bits splits.
func ioctlSettings(d *dev.Device, mem []byte) (int, error) {
	link := d.EthtoolInfo().Link
	if link == nil {
		return 0, errno.EOPNOTSUPP
	}
	clear(mem[4:sizeofCmd])
	binary.NativeEndian.PutUint16(mem[12:], uint16(link.Speed))
	mem[14], mem[15] = link.Duplex, link.Port
	binary.NativeEndian.PutUint16(mem[28:], uint16(link.Speed>>16))
	return sizeofCmd, nil
}

// ioctlLinkSettings is ETHTOOL_GLINKSETTINGS: who does not know how many words
// a set of link modes has is told so by a negative number, and asks again.
func ioctlLinkSettings(d *dev.Device, mem []byte) (int, error) {
	link := d.EthtoolInfo().Link
	if link == nil {
		return 0, errno.EOPNOTSUPP
	}
	const offDuplex, offPort, offWords = 8, 9, 15
	asked := int8(mem[offWords])
	clear(mem[4:sizeofLinkSettings])
	if asked != linkModeWords {
		mem[offWords] = 256 - linkModeWords
		return sizeofLinkSettings, nil
	}
	binary.NativeEndian.PutUint32(mem[4:], link.Speed)
	mem[offDuplex], mem[offPort], mem[offWords] = link.Duplex, link.Port, linkModeWords
	end := sizeofLinkSettings + 3*4*linkModeWords
	clear(mem[sizeofLinkSettings:end])
	return end, nil
}

// ioctlDriver is ETHTOOL_GDRVINFO. A device without a link kind whose driver
// does not name itself has no answer.
func ioctlDriver(d *dev.Device, mem []byte) (int, error) {
	info := d.EthtoolInfo()
	if info.Driver == "" {
		return 0, errno.EOPNOTSUPP
	}
	const fieldLen, offCounters = 32, 180
	clear(mem[4:sizeofDrvinfo])
	for i, text := range [...]string{info.Driver, info.Version, info.Firmware, info.Bus} {
		copy(mem[4+i*fieldLen:][:fieldLen-1], text)
	}
	binary.NativeEndian.PutUint32(mem[offCounters:], uint32(len(info.Stats)))
	return sizeofDrvinfo, nil
}

// ioctlLink is ETHTOOL_GLINK.
func ioctlLink(d *dev.Device, mem []byte) (int, error) {
	up, err := linkUp(d)
	return putValue(mem, uint32(up)), err
}

// putValue fills a struct ethtool_value.
func putValue(mem []byte, v uint32) int {
	binary.NativeEndian.PutUint32(mem[4:], v)
	return 8
}

// ioctlPermAddr is ETHTOOL_GPERMADDR: ETOOSMALL when the room that is said to
// be there is not enough for the address.
func ioctlPermAddr(d *dev.Device, mem []byte) (int, error) {
	const etoosmall = errno.Errno(525) // linux/errno.h, not for user space
	if binary.NativeEndian.Uint32(mem[4:]) < uint32(d.AddrLen) {
		return 0, etoosmall
	}
	binary.NativeEndian.PutUint32(mem[4:], uint32(d.AddrLen))
	clear(mem[8 : 8+d.AddrLen])
	copy(mem[8:8+d.AddrLen], d.PermAddr())
	return 8 + d.AddrLen, nil
}

// ioctlChannels is ETHTOOL_GCHANNELS.
func ioctlChannels(d *dev.Device, mem []byte) (int, error) {
	if !d.EthtoolInfo().Channels {
		return 0, errno.EOPNOTSUPP
	}
	tx, rx := d.Queues()
	for i, v := range [...]int{d.RxQueues, d.TxQueues, 0, 0, rx, tx, 0, 0} {
		binary.NativeEndian.PutUint32(mem[4+4*i:], uint32(v))
	}
	return sizeofChannels, nil
}

// ioctlSetChannels is ETHTOOL_SCHANNELS.
func ioctlSetChannels(d *dev.Device, mem []byte) (int, error) {
	if !d.EthtoolInfo().Channels {
		return 0, errno.EOPNOTSUPP
	}
	word := func(i int) uint32 { return binary.NativeEndian.Uint32(mem[4+4*i:]) }
	rx, tx := word(4), word(5)
	if rx > uint32(d.RxQueues) || tx > uint32(d.TxQueues) || word(6) != 0 || word(7) != 0 {
		return 0, errno.EINVAL
	}
	return 0, dev.ChangeQueues(d, int(tx), int(rx))
}

// ioctlStamps is ETHTOOL_GET_TS_INFO; phc_index -1 is no clock.
func ioctlStamps(d *dev.Device, mem []byte) (int, error) {
	clear(mem[4:sizeofTSInfo])
	binary.NativeEndian.PutUint32(mem[4:], stamps(d))
	binary.NativeEndian.PutUint32(mem[8:], 1<<32-1)
	return sizeofTSInfo, nil
}

// strings returns the names of a set, ETH_SS_*; false when there is none.
func stringsOf(d *dev.Device, set uint32) (list []string, ok bool) {
	switch set {
	case uapi.ETH_SS_FEATURES:
		return names[:], true
	case uapi.ETH_SS_STATS:
		for _, s := range d.EthtoolInfo().Stats {
			list = append(list, s.Name)
		}
		return list, len(list) > 0
	}
	return nil, false
}

// ioctlSetInfo is ETHTOOL_GSSET_INFO: which of the wanted sets there are, and
// how many strings each has.
func ioctlSetInfo(d *dev.Device, mem []byte) (int, error) {
	const offMask, offCounts = 8, 16
	asked, have, n := binary.NativeEndian.Uint64(mem[offMask:]), uint64(0), 0
	for set := range uint32(64) {
		if asked>>set&1 == 0 {
			continue
		}
		if list, ok := stringsOf(d, set); ok {
			have |= 1 << set
			binary.NativeEndian.PutUint32(mem[offCounts+4*n:], uint32(len(list)))
			n++
		}
	}
	if asked == 0 {
		return 0, nil
	}
	clear(mem[4:offMask])
	binary.NativeEndian.PutUint64(mem[offMask:], have)
	return offCounts + 4*n, nil
}

// fits stores how many elements an answer has at off, and reports whether they
// are written: a caller who has room for another number (0: one who does not
// say) gets none.
func fits(mem []byte, off, count int) bool {
	room := binary.NativeEndian.Uint32(mem[off:])
	if room != 0 && room != uint32(count) {
		count = 0
	}
	binary.NativeEndian.PutUint32(mem[off:], uint32(count))
	return count > 0
}

// ioctlStrings is ETHTOOL_GSTRINGS.
func ioctlStrings(d *dev.Device, mem []byte) (int, error) {
	const offSet, offLen, head = 4, 8, 12
	list, ok := stringsOf(d, binary.NativeEndian.Uint32(mem[offSet:]))
	if !ok {
		return 0, errno.EOPNOTSUPP
	}
	end := head + len(list)*uapi.ETH_GSTRING_LEN
	if end > len(mem) {
		return 0, errno.ENOMEM
	}
	if !fits(mem, offLen, len(list)) {
		return head, nil
	}
	clear(mem[head:end])
	for i, s := range list {
		copy(mem[head+i*uapi.ETH_GSTRING_LEN:][:uapi.ETH_GSTRING_LEN-1], s)
	}
	return end, nil
}

// ioctlStats is ETHTOOL_GSTATS.
func ioctlStats(d *dev.Device, mem []byte) (int, error) {
	const offCount, head = 4, 8
	list := d.EthtoolInfo().Stats
	if len(list) == 0 {
		return 0, errno.EOPNOTSUPP
	}
	end := head + 8*len(list)
	if end > len(mem) {
		return 0, errno.ENOMEM
	}
	if !fits(mem, offCount, len(list)) {
		return head, nil
	}
	for i, s := range list {
		binary.NativeEndian.PutUint64(mem[head+8*i:], s.Value)
	}
	return end, nil
}

// DeviceName is the name in a struct ifreq.
func DeviceName(ifr []byte) string {
	name, _, _ := bytes.Cut(ifr[:min(len(ifr), uapi.IFNAMSIZ)], []byte{0})
	return string(name)
}

package tcp

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"linen/net/sock"
	"linen/net/sysctl"
	"linen/uapi"
	"linen/uapi/errno"
)

// setFast sets a Fast Open option (do_tcp_setsockopt).
func (s *Sock) setFast(name, v int) error {
	fresh := s.State() == uapi.TCP_CLOSE && !s.syn
	listens := s.State() == uapi.TCP_LISTEN
	switch name {
	case uapi.TCP_FASTOPEN:
		if v < 0 || !fresh && !listens {
			return errno.EINVAL
		}
		s.st.initFastKeys()
		s.listen().fast.max = min(v, int(sock.Of(s.st.n).Sysctl.Somaxconn.Load()))
	case uapi.TCP_FASTOPEN_CONNECT:
		if v < 0 || v > 1 {
			return errno.EINVAL
		}
		if s.st.sys.fastopen.Load()&fastClient == 0 {
			return errno.EOPNOTSUPP
		}
		if !fresh {
			return errno.EINVAL
		}
		s.fast.connect = v != 0
	case uapi.TCP_FASTOPEN_NO_COOKIE:
		if v < 0 || v > 1 || !fresh && !listens {
			return errno.EINVAL
		}
		s.fast.noCookie = v != 0
	}
	return nil
}

// setFastKey is TCP_FASTOPEN_KEY: one key of 16 bytes, or two.
func (s *Sock) setFastKey(val []byte) error {
	if len(val) != 16 && len(val) != 32 {
		return errno.EINVAL
	}
	s.Lock()
	defer s.Unlock()
	s.fast.keys = newFastKeys(val)
	return nil
}

// getFast reads a Fast Open option that is a number.
func (s *Sock) getFast(name int) int {
	switch name {
	case uapi.TCP_FASTOPEN:
		return s.listen().fast.max
	case uapi.TCP_FASTOPEN_CONNECT:
		return number(s.fast.connect)
	}
	return number(s.fast.noCookie)
}

// getFastKey reads TCP_FASTOPEN_KEY; nothing while there is no key.
func (s *Sock) getFastKey(val []byte) int {
	k := s.keys()
	if k == nil {
		return 0
	}
	return copy(val, k.raw[:k.n])
}

// registerFast makes the settings of Fast Open.
func (st *State) registerFast(t *sysctl.Tree) {
	st.sys.fastopen = t.Int("net/ipv4/tcp_fastopen", sysctl.Spec{Default: fastClient, Min: -1 << 31, Max: 1<<31 - 1})
	t.SecretFunc("net/ipv4/tcp_fastopen_key", st.fastKeyText, st.setFastKeyText)
}

// fastKeyText shows the keys as words of 32 bits.
func (st *State) fastKeyText() string {
	k := st.fastKeys.Load()
	if k == nil {
		k = &fastKeys{n: 16}
	}
	var b strings.Builder
	for i := 0; i < k.n; i += 4 {
		switch {
		case i == 16:
			b.WriteByte(',')
		case i > 0:
			b.WriteByte('-')
		}
		fmt.Fprintf(&b, "%08x", binary.LittleEndian.Uint32(k.raw[i:]))
	}
	return b.String()
}

// setFastKeyText reads them: EINVAL unless each key has four words.
func (st *State) setFastKeyText(text string) error {
	var raw []byte
	keys := strings.SplitN(text, ",", 3)
	for _, key := range keys[:min(len(keys), 2)] {
		words := strings.Split(strings.TrimSpace(key), "-")
		if len(words) != 4 {
			return errno.EINVAL
		}
		for _, w := range words {
			v, err := strconv.ParseUint(w, 16, 64)
			if err != nil {
				return errno.EINVAL
			}
			raw = binary.LittleEndian.AppendUint32(raw, uint32(v))
		}
	}
	st.fastKeys.Store(newFastKeys(raw))
	return nil
}

// fastInfo is Fast Open's part of struct tcp_info: TCPI_OPT_SYN_DATA,
// TCPI_OPT_TFO_CHILD (linux/tcp.h), and why the side that opened could not send
// data with its SYN (enum tcp_fastopen_client_fail).
func (s *Sock) fastInfo() (options, fail uint8) {
	const cookieUnavailable, dataNotAcked, synRetransmitted = 1, 2, 3
	if was, _ := s.conn.FastChild(); was {
		options = 128
	}
	if s.conn.FastData() {
		options |= uapi.TCPI_OPT_SYN_DATA
	}
	f := s.conn.Fast()
	switch {
	case f == nil:
	case f.Acked:
		options |= uapi.TCPI_OPT_SYN_DATA
	case f.Resent && f.Data > 0:
		fail = synRetransmitted
	case f.Failed:
		fail = dataNotAcked
	case f.Data == 0 && f.Ask && len(f.Cookie) == 0:
		fail = cookieUnavailable
	}
	return options, fail
}

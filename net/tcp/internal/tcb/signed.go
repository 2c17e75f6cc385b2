package tcb

import "linen/wire"

// SignatureLen is the room of an MD5 signature among the options, with two
// NOPs in front (TCPOLEN_MD5SIG_ALIGNED; RFC 2385).
const SignatureLen = 20

// AppendSignature writes the option without its digest, which the caller fills
// in once the segment is whole.
func AppendSignature(p []byte) []byte {
	p = append(p, 1, 1, wire.TCPOptMD5, 18)
	return append(p, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

// signatureLen is what a signature takes of each segment.
func (c *Conn) signatureLen() int {
	if c.keep.t.Signed {
		return SignatureLen
	}
	return 0
}

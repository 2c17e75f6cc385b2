package sysctl

import (
	"math"
	"strconv"

	"linen/uapi/errno"
)

// A parser reads the numbers of a write, as proc_get_long does.
type parser struct{ rest string }

func space(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func (p *parser) skip() {
	for p.rest != "" && space(p.rest[0]) {
		p.rest = p.rest[1:]
	}
}

// empty reports whether only white space is left.
func (p *parser) empty() bool {
	p.skip()
	return p.rest == ""
}

// maxDigits is the longest number proc_get_long looks at: TMPBUFLEN less one.
const maxDigits = 21

// number reads one number: a sign, then 0x hex, 0 octal or decimal, ended by
// white space. Error: EINVAL.
func (p *parser) number() (int64, error) {
	p.skip()
	s := p.rest
	neg := len(s) > 1 && s[0] == '-'
	if neg {
		s = s[1:]
	}
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, errno.EINVAL
	}
	base, digits := 10, s
	switch {
	case len(s) > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X') && digit(s[2]) < 16:
		base, digits = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base = 8
	}
	n := 0
	for n < len(digits) && digit(digits[n]) < base {
		n++
	}
	rest := digits[n:]
	if len(s)-len(rest) > maxDigits || n == 0 || rest != "" && !trailer(rest[0]) {
		return 0, errno.EINVAL
	}
	v, err := strconv.ParseUint(digits[:n], base, 64)
	if err != nil || v > math.MaxInt64 {
		return 0, errno.EINVAL
	}
	p.rest = rest
	if neg {
		return -int64(v), nil
	}
	return int64(v), nil
}

// trailer reports whether c may follow a number.
func trailer(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

func digit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 99
}

// format appends the text of a stored value.
func (s *Spec) format(b []byte, v int64) []byte {
	return strconv.AppendInt(b, v/s.Unit.scale(), 10)
}

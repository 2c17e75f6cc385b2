package wire

import "errors"

// ErrOption is what Err of an option iterator returns for an option whose
// length is impossible.
var ErrOption = errors.New("wire: bad option length")

// Kinds that IPv4 and TCP options share: single bytes without a length.
const (
	OptEnd = 0 // end of option list
	OptNop = 1 // no operation, padding
)

// OptionIter walks IPv4 or TCP options: a kind byte, a length byte that counts
// both, data. End and Nop are bytes of their own; the walk passes over Nop and
// ends at End.
type OptionIter struct {
	b    []byte
	off  int // of the current option in b
	next int
	err  error
}

// Next goes to the next option; false at the end or at an error.
func (it *OptionIter) Next() bool {
	if it.err != nil {
		return false
	}
	b, i := it.b, it.next
	for i < len(b) && b[i] == OptNop {
		i++
	}
	it.off = i
	if i >= len(b) || b[i] == OptEnd {
		it.off, it.next = len(b), len(b)
		return false
	}
	if i+1 >= len(b) || b[i+1] < 2 || int(b[i+1]) > len(b)-i {
		it.err = ErrOption
		return false
	}
	it.next = i + int(b[i+1])
	return true
}

// Kind returns the kind of the current option.
func (it *OptionIter) Kind() uint8 {
	if it.off < len(it.b) {
		return it.b[it.off]
	}
	return OptEnd
}

// Data returns what follows the length byte of the current option.
func (it *OptionIter) Data() []byte {
	r := it.Raw()
	if len(r) < 2 {
		return nil
	}
	return r[2:]
}

// Raw returns the whole current option.
func (it *OptionIter) Raw() []byte {
	if it.off >= it.next || it.next > len(it.b) {
		return nil
	}
	return it.b[it.off:it.next:it.next]
}

// Offset returns where the current or the bad option starts, counted from the
// start of the options.
func (it *OptionIter) Offset() int { return it.off }

// Err returns ErrOption if the walk ended at a bad option, else nil.
func (it *OptionIter) Err() error { return it.err }

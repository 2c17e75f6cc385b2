//go:build !linux

package engine

import (
	"errors"

	"linen"
	"linen/lab"
)

// hostLink needs a TAP interface, which only Linux has.
func hostLink(*linen.Net, lab.LinkSpec) error {
	return errors.ErrUnsupported
}

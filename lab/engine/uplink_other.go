//go:build !linux

package engine

import (
	"errors"
	"io"

	"linen"
	"linen/lab"
)

func openUplink(*linen.Net, *lab.Uplink) (io.Closer, error) {
	return nil, errors.ErrUnsupported
}

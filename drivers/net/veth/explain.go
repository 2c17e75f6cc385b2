package veth

import (
	"linen/lib/impair"
	"linen/net/dev"
)

// Impairment returns what the wire from d to its peer does, and whether it does
// anything: see Impair.
func Impairment(d *dev.Device) (impair.Config, bool) {
	if e, ok := d.Ops.(*end); ok {
		if line := e.line.Load(); line != nil {
			return line.Config(), true
		}
	}
	return impair.Config{}, false
}

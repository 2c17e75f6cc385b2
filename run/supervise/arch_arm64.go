//go:build linux

package supervise

// archHandlers answer calls that only this architecture has.
var archHandlers = map[int32]handler{}

//go:build linux && !race

package interop

const raced = false

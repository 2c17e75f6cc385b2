//go:build linux && race

package interop

// raced says that this process watches for data races; the linen that its
// programs run under is built without.
const raced = true

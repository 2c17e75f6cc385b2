//go:build !race

package socktable

// raced says that the race detector is in this binary.
const raced = false

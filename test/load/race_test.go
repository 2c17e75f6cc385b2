//go:build race

package load

// raced says that this process watches for data races.
const raced = true

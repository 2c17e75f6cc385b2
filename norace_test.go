//go:build !race

package linen_test

// raceDetector makes sync.Pool forget at random, so that allocations say nothing.
const raceDetector = false

// Package ktime is the kernel's time: nanoseconds on the monotonic clock of a
// Kernel, and the units in which Linux shows times to programs.
//
// Counterparts: include/linux/ktime.h, include/linux/jiffies.h. State machines
// take a T as their "now"; only package kern knows where it comes from.
package ktime

import "time"

// T is a point in time, nanoseconds since the Kernel booted (ktime_get). The
// zero T is boot; it also serves as "never" where a field says so.
type T int64

// Never is later than every time a timer can have.
const Never T = 1<<63 - 1

// Add returns t+d, which stays at Never rather than wrap.
func (t T) Add(d time.Duration) T {
	s := t + T(d)
	if d > 0 && s < t {
		return Never
	}
	return s
}

// Sub returns the time from u to t.
func (t T) Sub(u T) time.Duration { return time.Duration(t - u) }

// Before reports whether t is earlier than u.
func (t T) Before(u T) bool { return t < u }

// After reports whether t is later than u.
func (t T) After(u T) bool { return t > u }

// Duration returns the time since boot.
func (t T) Duration() time.Duration { return time.Duration(t) }

// Nanoseconds returns t as a plain integer.
func (t T) Nanoseconds() int64 { return int64(t) }

// Rates in Hz.
const (
	UserHZ = 100  // clock_t in netlink and /proc: USER_HZ, asm-generic/param.h
	HZ     = 1000 // our jiffy, 1 ms (CONFIG_HZ_1000)
)

// Lengths of the units.
const (
	Jiffy = time.Second / HZ
	Tick  = time.Second / UserHZ // one clock_t
)

// ClockT returns d in USER_HZ ticks, rounded down (jiffies_to_clock_t); a
// negative d gives 0.
func ClockT(d time.Duration) uint32 { return units(d, Tick) }

// FromClockT returns the length of n USER_HZ ticks (clock_t_to_jiffies).
func FromClockT(n uint32) time.Duration { return time.Duration(n) * Tick }

// Jiffies returns d in jiffies, rounded down; a negative d gives 0.
func Jiffies(d time.Duration) uint32 { return units(d, Jiffy) }

// FromJiffies returns the length of n jiffies.
func FromJiffies(n uint32) time.Duration { return time.Duration(n) * Jiffy }

// Millis returns d in milliseconds, rounded down (jiffies_to_msecs).
func Millis(d time.Duration) uint32 { return units(d, time.Millisecond) }

// Seconds returns d in seconds, rounded down.
func Seconds(d time.Duration) uint32 { return units(d, time.Second) }

// units divides, with the ends clamped to what a __u32 holds.
func units(d, unit time.Duration) uint32 {
	switch n := d / unit; {
	case n < 0:
		return 0
	case n > 1<<32-1:
		return 1<<32 - 1
	default:
		return uint32(n)
	}
}

// Stamp returns t as the clock_t time stamp of ifa_cacheinfo: hundredths of a
// second since boot, modulo 2^32 (cstamp_delta).
func (t T) Stamp() uint32 { return uint32(int64(t) / int64(Tick)) }

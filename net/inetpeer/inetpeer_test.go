package inetpeer

import (
	"testing"
	"time"

	"linen/lib/ktime"
)

func TestTokens(t *testing.T) {
	p := New(nil).Get(0, 1, 0)
	now := ktime.T(time.Hour)
	sent := 0
	for range 100 {
		if p.Take(now, time.Second, 6*time.Second) {
			sent++
		}
	}
	if sent != 6 {
		t.Errorf("%d at once", sent)
	}
	for range 10 { // one a second from then on
		now = now.Add(500 * time.Millisecond)
		if p.Take(now, time.Second, 6*time.Second) {
			sent++
		}
	}
	if sent != 11 {
		t.Errorf("%d after five seconds", sent)
	}
}

// TestRedirectsBackOff: each waits twice as long; the ninth is the last until
// there was silence.
func TestRedirectsBackOff(t *testing.T) {
	p := New(nil).Get(0, 1, 0)
	const load, silence = 20 * time.Millisecond, 20 * time.Millisecond << 10
	var at []time.Duration
	now := ktime.T(time.Hour)
	for d := time.Duration(0); d < 15*time.Second; d += time.Millisecond {
		if p.Redirect(now.Add(d), load, 9, silence) {
			at = append(at, d)
		}
	}
	if len(at) != 9 || at[1] <= 2*load || at[8]-at[7] <= load<<8 {
		t.Errorf("redirects at %v", at)
	}
	if !p.Redirect(now.Add(15*time.Second+silence+time.Millisecond), load, 9, silence) {
		t.Error("none after silence")
	}
}

// TestBounded: a flood of hosts does not grow the Base past its threshold.
func TestBounded(t *testing.T) {
	s := New(nil)
	const hosts = threshold + threshold/4
	for i := range uint32(hosts) {
		s.Get(ktime.T(i), i, 0)
	}
	if n := s.Len(); n > threshold {
		t.Errorf("%d peers", n)
	}
	a, b := s.Get(hosts, 7, 0), s.Get(hosts, 7, 1)
	if a == nil || b == nil || a == b {
		t.Errorf("one host behind two devices: %p and %p", a, b)
	}
	s.Close()
	if s.Len() != 0 {
		t.Error("peers stay")
	}
}

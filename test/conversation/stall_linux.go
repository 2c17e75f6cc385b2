package conversation

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// A watch measures how much time this machine has for a script.
type watch struct {
	began    time.Time
	pressure time.Duration
	stop     chan struct{}
	worst    chan time.Duration
}

// A run counts when no nap was longer than maxStall too long, and programs waited
// for a processor during less than maxPressure of it.
const (
	nap         = 2 * time.Millisecond
	maxStall    = 5 * time.Millisecond
	maxPressure = 0.2
)

func startWatch() *watch {
	w := &watch{began: time.Now(), pressure: pressure(), stop: make(chan struct{}), worst: make(chan time.Duration)}
	go w.doze()
	return w
}

// doze measures how late it wakes up.
func (w *watch) doze() {
	var most time.Duration
	for {
		select {
		case <-w.stop:
			w.worst <- most
			return
		default:
		}
		before := time.Now()
		time.Sleep(nap)
		most = max(most, time.Since(before)-nap)
	}
}

// busy ends the watch and says why its time does not count, or "".
func (w *watch) busy() string {
	close(w.stop)
	late, waited, all := <-w.worst, pressure()-w.pressure, time.Since(w.began)
	switch {
	case late > maxStall:
		return fmt.Sprintf("this process stood still for %s", late)
	case float64(waited) > maxPressure*float64(all):
		return fmt.Sprintf("programs waited for a processor for %s of %s", waited, all)
	}
	return ""
}

// pressure is for how long some program has waited for a processor since the
// machine began (/proc/pressure/cpu), 0 where the kernel does not tell.
func pressure() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	_, total, _ := strings.Cut(string(text), "total=")
	var us int64
	_, _ = fmt.Sscan(total, &us) // nothing there is 0
	return time.Duration(us) * time.Microsecond
}

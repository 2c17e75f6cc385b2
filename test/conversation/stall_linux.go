package conversation

import "time"

// watch measures how late it wakes up.
func watch(stop chan struct{}, worst chan time.Duration) {
	const nap = 2 * time.Millisecond
	var most time.Duration
	for {
		select {
		case <-stop:
			worst <- most
			return
		default:
		}
		before := time.Now()
		time.Sleep(nap)
		most = max(most, time.Since(before)-nap)
	}
}

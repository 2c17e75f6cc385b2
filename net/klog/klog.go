// Package klog is the kernel log of a namespace: the last messages that its
// network stack has for people, with the kernel's texts (printk, dmesg(1)).
//
// On Linux one log serves the machine; here each Net, being a machine of its
// own, has one. Linux files: kernel/printk/printk.c, net/core/utils.c
// (net_ratelimit). Not done: /dev/kmsg, syslog(2), console levels, and
// net.core.message_cost and message_burst, which the first namespace of Linux
// has alone.
package klog

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"linen/kern"
	"linen/lib/ktime"
	"linen/net/netns"
)

// Levels of messages (syslog(2)): the lower the worse.
const (
	Warning = 4
	Info    = 6
)

// How many messages a log keeps, and how many of those that anybody's packets
// can cause it takes in a time (net.core.message_burst, message_cost).
const (
	keep     = 256
	burst    = 10
	interval = ktime.T(5 * time.Second)
)

// A Message is one entry of a log.
type Message struct {
	Time  time.Duration // on the Kernel's clock, which begins at 0
	Level uint8         // Warning or Info
	Text  string        // one or more lines, without the last newline
}

// String returns the message as dmesg(1) prints it.
func (m Message) String() string {
	stamp := fmt.Sprintf("[%5d.%06d] ", m.Time/time.Second, m.Time%time.Second/time.Microsecond)
	return stamp + strings.ReplaceAll(m.Text, "\n", "\n"+strings.Repeat(" ", len(stamp)))
}

// log is a namespace's ring of messages.
type log struct {
	k  *kern.Kernel
	mu sync.Mutex // what follows

	ring   []Message // the next one goes to at, once there are keep
	at     int
	begin  ktime.T // of the present interval
	taken  int     // limited messages in it
	missed int
}

var key = netns.NewKey[log]("klog")

// Pernet makes a namespace's log. A namespace without one logs nothing.
func Pernet() netns.Subsys {
	return netns.Bind(key, func(n *netns.Net) (*log, error) { return &log{k: n.Kernel()}, nil }, nil)
}

// Printf adds a message to n's log.
func Printf(n *netns.Net, level uint8, format string, args ...any) {
	if l := key.Of(n); l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.add(level, fmt.Sprintf(format, args...))
	}
}

// Allow reports whether a message that packets cause may be added now
// (net_ratelimit): ten may in five seconds. The caller then adds it.
func Allow(n *netns.Net) bool {
	l := key.Of(n)
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.k.Now()
	if l.begin == 0 || now > l.begin+interval {
		if l.missed > 0 {
			l.add(Warning, fmt.Sprintf("net_ratelimit: %d callbacks suppressed", l.missed))
		}
		l.begin, l.taken, l.missed = now, 0, 0
	}
	if l.taken == burst {
		l.missed++
		return false
	}
	l.taken++
	return true
}

// add adds a message; mu is held.
func (l *log) add(level uint8, text string) {
	m := Message{time.Duration(l.k.Now()), level, text}
	if len(l.ring) < keep {
		l.ring = append(l.ring, m)
		return
	}
	l.ring[l.at] = m
	l.at = (l.at + 1) % keep
}

// Messages returns what n's log holds, the oldest first.
func Messages(n *netns.Net) []Message {
	l := key.Of(n)
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Message, 0, len(l.ring))
	list = append(list, l.ring[l.at:]...)
	return append(list, l.ring[:l.at]...)
}

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress prints events: a line a node for a person, a JSON object a line for a program. It may be used from many goroutines.
type Progress struct {
	mu    sync.Mutex // guards w: lines stay whole
	w     io.Writer
	tty   bool
	color bool
	now   func() time.Time
	start time.Time
}

// NewProgress writes to w, which is a terminal or not. Colour needs a terminal and an empty or absent NO_COLOR
// (no-color.org) and a TERM other than dumb.
func NewProgress(w io.Writer, tty bool, getenv func(string) string, now func() time.Time) *Progress {
	return &Progress{w: w, tty: tty, color: tty && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb", now: now, start: now()}
}

// Event prints one event. A write that fails is lost: progress is no result.
func (p *Progress) Event(e Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if !p.tty {
		line, err := json.Marshal(struct {
			Time time.Time `json:"time"`
			Event
		}{now.UTC(), e})
		if err == nil {
			fmt.Fprintf(p.w, "%s\n", line)
		}
		return
	}
	mark, colour := "ok", "32" // green
	switch e.Event {
	case "failed", "command":
		mark, colour = "!!", "31" // red
	case "note":
		mark, colour = "--", "33" // yellow
	}
	if p.color {
		mark = "\x1b[" + colour + "m" + mark + "\x1b[0m"
	}
	text := e.Event
	if e.Text != "" {
		text = e.Text
	}
	fmt.Fprintf(p.w, "%s %-16s %s (%s)\n", mark, e.Node, text, now.Sub(p.start).Round(time.Millisecond))
}

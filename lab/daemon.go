package lab

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"linen/lab/clab"
)

// Daemon owns one lab from its creation to its end. Fill the exported fields and call [Daemon.Run].
type Daemon struct {
	Dir      *Dir
	Topology *clab.Topology
	Plan     *Plan
	Engine   Engine
	File     string // absolute path of the topology file, "" when generated
	Version  string
	Owner    string
	// Listener is the API socket when it exists already (a parent made it to know that the daemon answers); nil: Dir.Socket().
	Listener net.Listener
	// Routes, unless nil, adds what the binary serves beyond package lab.
	Routes func(*http.ServeMux)

	started time.Time
	cancel  context.CancelFunc
	upDone  chan struct{}
	ended   chan struct{} // closed when nothing of the lab is left

	end    sync.Once
	endErr error

	mu     sync.Mutex // guards what follows
	events []Event
	more   chan struct{} // closed and replaced when events grow
	final  bool          // no more events will come
	nodes  map[string]*NodeStatus
	jobs   map[string]int // how many logs of programs a node has
}

// Events of the lab as a whole; they end the stream of PathEvents.
const (
	EventReady  = "ready"  // every node is up; Text tells of commands that failed
	EventFailed = "failed" // the lab could not be made and is gone
)

// Run brings the lab up and answers the API until ctx ends, a client asks for the end, or a node or link cannot be made. When it
// returns nothing of the lab is left. The error is why the lab could not be made or taken down.
func (d *Daemon) Run(ctx context.Context) error {
	d.started = time.Now()
	d.upDone, d.ended, d.more = make(chan struct{}), make(chan struct{}), make(chan struct{})
	d.nodes, d.jobs = make(map[string]*NodeStatus, len(d.Topology.Nodes)), make(map[string]int)
	names := make([]string, 0, len(d.Topology.Nodes))
	for _, n := range d.Topology.Nodes {
		d.nodes[n.Name] = &NodeStatus{Name: n.Name, Kind: n.Kind, State: "starting"}
		if n.Healthcheck != nil {
			d.nodes[n.Name].Health = "starting"
		}
		names = append(names, n.Name)
	}
	upCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.cancel = cancel
	srv, err := d.listen(names)
	if err != nil {
		close(d.upDone)
		return errors.Join(err, d.stop())
	}
	var upErr error
	go func() {
		defer close(d.upDone)
		upErr = Up(upCtx, d.Topology, d.Plan, d.Engine, UpOptions{Progress: d.event, Output: d.commandLog, Start: d.startProgram})
		d.finish(upErr)
	}()
	<-d.upDone
	if upErr != nil && !errors.Is(upErr, ErrCommands) {
		if upCtx.Err() != nil && errors.Is(upErr, context.Canceled) { // ended while it came up, as somebody wished
			upErr = nil
		}
		err = errors.Join(upErr, d.stop())
	} else {
		select {
		case <-ctx.Done():
			err = d.stop()
		case <-d.ended:
			err = d.endErr
		}
	}
	shut, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	if srv.Shutdown(shut) != nil { // a client that does not read its reply
		srv.Close()
	}
	return err
}

// listen opens the API and publishes the lab.
func (d *Daemon) listen(nodes []string) (*http.Server, error) {
	l := d.Listener
	if l == nil {
		var err error
		if l, err = net.Listen("unix", d.Dir.Socket()); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc(PathInfo, Handle(func(context.Context, struct{}) (Info, error) { return d.info(), nil }))
	mux.HandleFunc(PathDown, Handle(func(context.Context, DownRequest) (struct{}, error) { return struct{}{}, d.stop() }))
	mux.HandleFunc(PathStart, Handle(d.startJob))
	mux.HandleFunc(PathLink, Handle(d.changeLink))
	mux.HandleFunc(PathEvents, d.serveEvents)
	if d.Routes != nil {
		d.Routes(mux)
	}
	srv := &http.Server{Handler: mux}
	go func() { _ = srv.Serve(l) }() // ends with Shutdown or Close, which report
	err := d.Dir.WriteMeta(Meta{API: APIVersion, Version: d.Version, Name: d.Dir.Name, File: d.File, PID: os.Getpid(), Started: d.started, Nodes: nodes, Prefix: d.Topology.Prefix})
	if err != nil {
		srv.Close()
	}
	return srv, err
}

// stop ends the lab, once: programs, nodes, files, the name.
func (d *Daemon) stop() error {
	d.end.Do(func() {
		d.cancel()
		<-d.upDone
		d.endErr = errors.Join(d.Engine.Close(), d.Dir.Release())
		close(d.ended)
	})
	return d.endErr
}

func (d *Daemon) event(e Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.nodes[e.Node]; n != nil {
		switch e.Event {
		case "up":
			n.State = "running"
		case "healthy":
			n.Health = "healthy"
		}
	}
	d.events = append(d.events, e)
	close(d.more)
	d.more = make(chan struct{})
}

// Warn tells who brings the lab up that a node cannot be all that the file says.
func (d *Daemon) Warn(node, text string) {
	d.event(Event{Node: node, Event: "note", Text: text})
}

func (d *Daemon) finish(err error) {
	e := Event{Event: EventReady}
	switch {
	case errors.Is(err, ErrCommands):
		e.Text = err.Error()
	case err != nil:
		e = Event{Event: EventFailed, Text: err.Error()}
	}
	d.mu.Lock()
	d.final = true
	d.mu.Unlock()
	d.event(e)
}

// commandLog appends what the file's commands print to the node's log 0.
func (d *Daemon) commandLog(node string, c clab.Command) (ExecSpec, func(), error) {
	f, err := d.Dir.AppendLog(node, 0)
	if err != nil {
		return ExecSpec{}, nil, err
	}
	if _, err := f.WriteString("$ " + c.Line + "\n"); err != nil {
		f.Close()
		return ExecSpec{}, nil, err
	}
	return ExecSpec{Stdout: f, Stderr: f}, func() { f.Close() }, nil
}

func (d *Daemon) info() Info {
	info := Info{
		API: APIVersion, Version: d.Version, Topology: d.Topology, File: d.File, PID: os.Getpid(),
		Started: d.started, Owner: d.Owner, Nodes: make([]NodeStatus, 0, len(d.nodes)),
	}
	d.mu.Lock()
	for _, n := range d.Topology.Nodes {
		s := *d.nodes[n.Name]
		s.Jobs = slices.Clone(s.Jobs)
		info.Nodes = append(info.Nodes, s)
	}
	d.mu.Unlock()
	o, ok := d.Engine.(Observer)
	if !ok {
		return info
	}
	for i := range info.Nodes {
		n := &info.Nodes[i]
		if ifs, err := o.Interfaces(n.Name); err == nil { // a node that is not made yet has none
			n.Interfaces = ifs
		}
		n.Programs = o.Programs(n.Name)
	}
	return info
}

func (d *Daemon) changeLink(_ context.Context, c LinkChange) (LinkStatus, error) {
	node, err := ResolveNode(d.Topology, c.Node)
	if err != nil {
		return LinkStatus{}, &APIError{err.Error()}
	}
	lc, ok := d.Engine.(LinkChanger)
	if !ok {
		return LinkStatus{}, &APIError{"links of this lab cannot be changed while it runs"}
	}
	c.Node = node
	return lc.ChangeLink(c)
}

// serveEvents streams the events of bringing the lab up, from the first, as JSON lines, until the lab is ready or has failed.
func (d *Daemon) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	for next := 0; ; {
		d.mu.Lock()
		batch, final, more := d.events[next:], d.final && len(d.events) > 0 && last(d.events).Node == "", d.more
		d.mu.Unlock()
		next += len(batch)
		for _, e := range batch {
			if enc.Encode(e) != nil {
				return
			}
		}
		if http.NewResponseController(w).Flush() != nil || final {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

func last(events []Event) Event { return events[len(events)-1] }

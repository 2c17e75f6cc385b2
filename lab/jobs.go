package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
)

// PathStart starts a program that stays: POST StartRequest, Job.
const PathStart = "/v1/start"

// StartRequest asks for a program in the background of a node. What it writes goes to a log of its own.
type StartRequest struct {
	Node string   `json:"node"`
	Args []string `json:"args"`
	Env  []string `json:"env,omitempty"` // added to the node's
	Dir  string   `json:"dir,omitempty"`
}

// Job is a program in the background of a node.
type Job struct {
	Log     int    `json:"log"` // its number: `linen logs NODE -n LOG`
	Command string `json:"command"`
	PID     int    `json:"pid"`
	State   string `json:"state"`            // running, ended
	Status  int    `json:"status,omitempty"` // of an ended one, as a shell reports it
}

// Process is a program that was started.
type Process interface {
	PID() int
	// Wait waits for its end; the status is as a shell reports it.
	Wait(context.Context) (status int, err error)
}

// Starter is an [Engine] that can start a program without waiting for its end.
type Starter interface {
	// Start starts a program. ctx bounds the start alone.
	Start(ctx context.Context, node string, spec ExecSpec) (Process, error)
}

// startJob is PathStart.
func (d *Daemon) startJob(ctx context.Context, r StartRequest) (Job, error) {
	node, err := ResolveNode(d.Topology, r.Node)
	if err != nil {
		return Job{}, &APIError{err.Error()}
	}
	if len(r.Args) == 0 {
		return Job{}, &APIError{"no command"}
	}
	j, err := d.background(ctx, node, ExecSpec{Args: r.Args, Env: r.Env, Dir: r.Dir})
	if err != nil {
		return Job{}, &APIError{err.Error()}
	}
	return j, nil
}

// background starts a program with a log of its own and watches it.
func (d *Daemon) background(ctx context.Context, node string, s ExecSpec) (Job, error) {
	starter, ok := d.Engine.(Starter)
	if !ok {
		return Job{}, errors.New("this lab runs no programs in the background")
	}
	j := Job{Command: strings.Join(s.Args, " "), State: "running"}
	d.mu.Lock()
	d.jobs[node]++
	j.Log = d.jobs[node]
	d.mu.Unlock()
	f, err := d.Dir.CreateLog(node, j.Log)
	if err != nil {
		return j, err
	}
	defer f.Close()
	s.Stdout, s.Stderr = f, f
	p, err := starter.Start(ctx, node, s)
	if err != nil {
		return j, errors.Join(err, os.Remove(f.Name()))
	}
	j.PID = p.PID()
	d.mu.Lock()
	n := d.nodes[node]
	n.Jobs = append(n.Jobs, j)
	d.mu.Unlock()
	go func() {
		status, err := p.Wait(context.Background()) // the lab's end ends it
		if err != nil {
			status = 255
		}
		d.jobEnded(node, j.Log, status)
	}()
	return j, nil
}

func (d *Daemon) jobEnded(node string, log, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.nodes[node].Jobs {
		if j := &d.nodes[node].Jobs[i]; j.Log == log {
			j.State, j.Status = "ended", status
		}
	}
}

// startProgram starts a program of the topology file; package lab's Up calls it.
func (d *Daemon) startProgram(ctx context.Context, node string, p Program) error {
	if _, err := d.background(ctx, node, ExecSpec{Args: p.Args}); err != nil {
		return fmt.Errorf("%s: %w", p.Why, err)
	}
	return nil
}

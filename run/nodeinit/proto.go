//go:build linux

package nodeinit

import "golang.org/x/sys/unix"

// argv0 is the name under which the binary becomes a node's init.
const argv0 = "linen-init"

// controlFD is the init's end of the control socket.
const controlFD = 3

// The operations of a request, in the order in which Start sends the first
// three.
const (
	opSetup  = "setup"  // -> viewed, with the FUSE connection
	opBind   = "bind"   // -> mode
	opFilter = "filter" // -> ready, with the seccomp listener
	opExec   = "exec"   // -> started or failed, later exited
	opSignal = "signal" // no answer
	opAttach = "attach" // -> attached
)

// request travels from the supervisor to the init.
type request struct {
	Op      string
	ID      uint64            `json:",omitempty"` // of a program, chosen by the supervisor
	Setup   *setup            `json:",omitempty"`
	Filter  []unix.SockFilter `json:",omitempty"`
	Program *Program          `json:",omitempty"`
	Signal  unix.Signal       `json:",omitempty"`
	Group   bool              `json:",omitempty"` // Signal goes to the process group
	Attach  *attachSpec       `json:",omitempty"`
}

// setup is the part of Config that the init needs.
type setup struct {
	Views      bool // in a mount namespace of its own
	NetNS      bool // in a network namespace of its own
	UserNS     bool
	Hostname   string
	Etc        map[string]string
	Binds      []Bind
	FuseDevice string
}

// The events of the init.
const (
	evViewed  = "viewed"
	evMode    = "mode"
	evReady   = "ready"
	evStarted = "started"
	evFailed  = "failed"
	evExited  = "exited"

	evAttached = "attached"
)

// event travels from the init to the supervisor.
type event struct {
	Op       string
	ID       uint64            `json:",omitempty"`
	PID      int               `json:",omitempty"`
	Exit     Exit              `json:",omitzero"`
	Missing  map[string]string `json:",omitempty"` // view -> reason
	Killable bool              `json:",omitempty"`
	Error    string            `json:",omitempty"`
	Errno    unix.Errno        `json:",omitempty"`
}

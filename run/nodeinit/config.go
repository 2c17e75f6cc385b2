//go:build linux

package nodeinit

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"linen/run/seccomp"
)

// Config describes a node. The zero value is a node with everything the host
// allows and no file of its own.
type Config struct {
	// Name appears in the process list.
	Name string
	// Exe is the binary that becomes the init: one whose main calls Main when
	// IsInit. Empty: this program's own.
	Exe string
	// Hostname is the node's host name; empty: the host's.
	Hostname string
	// Etc holds files laid over /etc, by name below it ("hosts",
	// "resolv.conf", "frr/daemons") and their content.
	Etc map[string]string
	// Binds are mounted last, in order.
	Binds []Bind
	// NoUserNamespace never makes a user namespace; NoNamespaces makes none at
	// all. Tests use them.
	NoUserNamespace, NoNamespaces bool
	// FuseDevice is the FUSE character device; empty: /dev/fuse.
	FuseDevice string
	// ServeFuse is given the FUSE connection of the node's tree and starts to
	// answer it without waiting. The tree has directories net, sys and class,
	// which become /proc/net, /proc/sys/net and /sys/class/net. The file is the
	// callee's to close. nil: no tree.
	ServeFuse func(*os.File) error
	// Filter chooses the filter when it is known what the node has. nil:
	// DefaultFilter.
	Filter func(Mode) seccomp.Config
	// Stderr receives the init's own complaints; nil: this process's.
	Stderr *os.File
}

// Bind is a bind mount of a host path into the node.
type Bind struct {
	Source, Target string // absolute
	ReadOnly       bool
}

// A View is one part of what a node sees in place of the host's files.
const (
	ViewMounts   = "mounts"         // its mount tree is private
	ViewRun      = "/run"           // tmpfs
	ViewEtc      = "/etc"           // overlay
	ViewHostname = "hostname"       // UTS namespace
	ViewResolver = "resolver"       // sssd's pipes are hidden (nscd and others live in /run)
	ViewFuse     = "fuse"           // the tree is mounted
	ViewProcNet  = "/proc/net"      // from the tree
	ViewSysctl   = "/proc/sys/net"  // from the tree
	ViewClassNet = "/sys/class/net" // from the tree
)

// Mode says what a node got from the host.
type Mode struct {
	UserNS, MountNS, NetNS, UTSNS bool
	// Reason says why namespaces are missing; empty when none is.
	Reason string
	// Missing maps a view (or the target of a bind) to the reason why the node
	// does not have it.
	Missing map[string]string
	// Killable: the listener was made with WAIT_KILLABLE_RECV.
	Killable bool
}

// Has reports whether the node has a view. Without private mounts there is none
// but the host name.
func (m Mode) Has(view string) bool {
	_, missing := m.Missing[view]
	if view == ViewHostname {
		return m.UTSNS && !missing
	}
	_, shared := m.Missing[ViewMounts]
	return m.MountNS && !shared && !missing
}

// FullTree reports whether all kernel files come from the FUSE tree, so that no
// open or stat need be notified.
func (m Mode) FullTree() bool {
	return m.Has(ViewProcNet) && m.Has(ViewSysctl) && m.Has(ViewClassNet)
}

// String is one line for people: what the node has, and what not and why.
func (m Mode) String() string {
	var have []string
	for _, ns := range []struct {
		ok   bool
		name string
	}{{m.UserNS, "user"}, {m.MountNS, "mount"}, {m.NetNS, "network"}, {m.UTSNS, "UTS"}} {
		if ns.ok {
			have = append(have, ns.name)
		}
	}
	s := "no namespaces"
	if len(have) > 0 {
		s = strings.Join(have, ", ") + " namespaces"
	}
	if m.Reason != "" {
		s += " (" + m.Reason + ")"
	}
	if !m.MountNS {
		return s
	}
	views := make([]string, 0, len(m.Missing))
	for v := range m.Missing {
		views = append(views, v)
	}
	slices.Sort(views)
	for _, v := range views {
		s += fmt.Sprintf("; no %s: %s", v, m.Missing[v])
	}
	return s
}

// DefaultFilter is what a node in this mode needs notified: credentials always,
// because a dropped capability must be felt; ownership where one id is mapped;
// namespaces, mounts and files where the node has not its own.
func DefaultFilter(m Mode) seccomp.Config {
	return seccomp.Config{
		Credentials: true,
		Chown:       m.UserNS || os.Geteuid() != 0,
		Namespaces:  !m.NetNS,
		Mounts:      !m.Has(ViewMounts),
		Files:       !m.FullTree(),
		Mmap:        true,
	}
}

// Program is one command to run in a node.
type Program struct {
	Argv []string // Argv[0] is looked up in the PATH of Env
	Env  []string
	Dir  string // working directory; empty: /
	// TTY makes descriptor 0 the controlling terminal of the new session.
	TTY bool
	// User is whom it runs as, by docker's rules: NAME, UID, NAME:GROUP, UID:GID,
	// looked up in the node's /etc/passwd and /etc/group; empty: root.
	User string `json:",omitempty"`
	// Umask is the file mode creation mask; nil: the init's.
	Umask *int `json:",omitempty"`
}

// Exit says how a program ended: by a signal when Signal is not 0, else with
// Code.
type Exit struct {
	Code   int
	Signal unix.Signal
}

// Success reports exit code 0.
func (e Exit) Success() bool { return e == Exit{} }

// ShellCode is the exit code that a shell reports: 128+n for death by signal n.
func (e Exit) ShellCode() int {
	if e.Signal != 0 {
		return 128 + int(e.Signal)
	}
	return e.Code
}

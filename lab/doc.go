// Package lab runs labs: topologies (lab/clab and its siblings) brought up on an engine, one daemon a lab, and what the
// command line and the daemon say to each other.
//
// # One daemon a lab
//
// `linen up` starts a process that owns the lab: its nodes, their programs, its state directory. Everything else is a client
// that finds the daemon through that directory:
//
//	$XDG_RUNTIME_DIR/linen (or /tmp/linen-UID)   0700, owned by the user
//	  LAB/                                       0700, one a lab
//	    lock                                     held by the daemon for its whole life
//	    api.sock                                 HTTP/JSON, see api.go
//	    exec.sock                                programs to run, with their descriptors
//	    lab.json                                 Meta: which file, which process, the node names for completion
//	    logs/NODE/N.log                          output of background commands
//
// The lock is the only truth about whether a lab is up. The kernel drops it with the process, however that ends, so a
// crashed daemon blocks nobody: the next `up` takes the lock and removes what lies about. Asking (State.Labs) never takes the
// lock, so a query cannot make an `up` fail.
//
// # Bringing up
//
// [Up] walks every node through containerlab's stages (create, create-links, configure, healthy) on an [Engine], the small
// interface that the binary implements with the network stack and the program supervisor. All nodes go at once; a node
// waits only where its stages say so.
//
// The pure parts (graphs, plans, tables, names) build on every system; locks and sockets need Linux.
//
// Not done: commands of stage exit, mgmt networks, ports, startup-config.
package lab

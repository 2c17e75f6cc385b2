package why

import (
	"strings"
	"sync"
)

// A History remembers which command set what, so that a step can name it. A
// lab engine notes the `exec` lines of its file and the programs that it runs;
// the zero History is ready, and a nil one remembers nothing.
type History struct {
	mu    sync.Mutex
	nodes map[string]*noted
}

// noted is one node's notes, newest last.
type noted struct{ notes []note }

type note struct {
	object  string // what was set: "route 10.2.0.0/24", "sysctl net.ipv4.ip_forward"
	command string // by what: "ip route add ... (exec of r1)"
}

// maxNotes bounds what is remembered of a node; the oldest are forgotten.
const maxNotes = 4096

// Kinds of objects that notes are about.
const (
	objRoute  = "route "
	objRule   = "rule "
	objAddr   = "addr "
	objNeigh  = "neigh "
	objLink   = "link "
	objSysctl = "sysctl "
)

// Note says that in node the command set object. object is a kind and a name
// as `ip` writes them: "route 10.2.0.0/24", "rule 100", "addr 10.0.0.1/24",
// "neigh 10.0.0.2", "link eth1", "sysctl net.ipv4.ip_forward".
func (h *History) Note(node, object, command string) {
	if h == nil || object == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nodes == nil {
		h.nodes = make(map[string]*noted)
	}
	n := h.nodes[node]
	if n == nil {
		n = new(noted)
		h.nodes[node] = n
	}
	if len(n.notes) >= maxNotes {
		n.notes = append(n.notes[:0], n.notes[maxNotes/2:]...)
	}
	n.notes = append(n.notes, note{object, command})
}

// NoteCommand notes what a command line of node, as a lab file's exec or a
// program's argv has it, sets: those of ip(8), sysctl(8) and a write to
// /proc/sys are understood, others are ignored. where says whose line it is:
// "exec of r1", "pid 12".
func (h *History) NoteCommand(node, line, where string) {
	for _, cmd := range strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == '\n' }) {
		for _, part := range strings.Split(cmd, "&&") {
			part = strings.TrimSpace(part)
			for _, o := range objectsOf(strings.Fields(part)) {
				h.Note(node, o, part+" ("+where+")")
			}
		}
	}
}

// Lookup returns the newest command that set object in node, or "".
func (h *History) Lookup(node, object string) string {
	if h == nil {
		return ""
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nodes[node]
	if n == nil {
		return ""
	}
	for i := len(n.notes) - 1; i >= 0; i-- {
		if n.notes[i].object == object {
			return n.notes[i].command
		}
	}
	return ""
}

// setBy returns who set what the text of a step says has decided.
func (h *History) setBy(node, by string) string {
	if h == nil || by == "" {
		return ""
	}
	for _, o := range namedIn(by) {
		if cmd := h.Lookup(node, o); cmd != "" {
			return cmd
		}
	}
	return ""
}

// defaultRules is what net/ipv4 says when there are no rules but the first
// three; no command made them.
const defaultRules = "default rules"

// namedIn returns the objects that a step's text names, the most telling
// first.
func namedIn(by string) []string {
	f := strings.Fields(by)
	if len(f) == 0 || by == defaultRules {
		return nil
	}
	var list []string
	for _, w := range f {
		if name, _, ok := strings.Cut(w, "="); ok && strings.HasPrefix(name, "net.") {
			list = append(list, objSysctl+name)
		}
	}
	switch {
	case strings.HasPrefix(by, "rule ") && len(f) > 1:
		return append(list, objRule+strings.TrimSuffix(f[1], ":"))
	case strings.HasPrefix(by, "link ") && len(f) > 1:
		return append(list, objLink+strings.TrimSuffix(f[1], ":"))
	case strings.HasPrefix(by, "neigh ") && len(f) > 1:
		return append(list, objNeigh+f[1])
	}
	dst := f[0]
	if routeTypes[dst] && len(f) > 1 {
		dst = f[1]
	}
	return append(list, objRoute+dst, objAddr+dst, objNeigh+dst)
}

// routeTypes are the words that `ip route` puts in front of a destination.
var routeTypes = map[string]bool{
	"unicast": true, "local": true, "broadcast": true, "anycast": true, "multicast": true, "blackhole": true,
	"unreachable": true, "prohibit": true, "throw": true,
}

// objectsOf returns what a command sets.
func objectsOf(argv []string) []string {
	if len(argv) < 2 {
		return nil
	}
	switch name := argv[0][strings.LastIndexByte(argv[0], '/')+1:]; name {
	case "ip":
		return ipObjects(argv[1:])
	case "sysctl":
		var list []string
		for _, a := range argv[1:] {
			if k, _, ok := strings.Cut(a, "="); ok && k != "" {
				list = append(list, objSysctl+strings.ReplaceAll(k, "/", "."))
			}
		}
		return list
	case "echo":
		const root = "/proc/sys/"
		if f := argv[len(argv)-1]; strings.Contains(f, root) {
			return []string{objSysctl + strings.ReplaceAll(f[strings.Index(f, root)+len(root):], "/", ".")}
		}
	}
	return nil
}

// ipObjects returns what an ip(8) command sets.
func ipObjects(argv []string) []string {
	for len(argv) > 0 && strings.HasPrefix(argv[0], "-") {
		argv = argv[1:]
	}
	if len(argv) < 3 {
		return nil
	}
	object, verb, rest := argv[0], argv[1], argv[2:]
	if !isPrefix(verb, "add", "append", "change", "replace", "set", "del", "delete") {
		return nil
	}
	switch {
	case isPrefix(object, "route"):
		if routeTypes[rest[0]] && len(rest) > 1 {
			rest = rest[1:]
		}
		if rest[0] == "to" && len(rest) > 1 {
			rest = rest[1:]
		}
		return []string{objRoute + withLen(rest[0])}
	case isPrefix(object, "address"):
		return []string{objAddr + withLen(rest[0])}
	case isPrefix(object, "neighbor", "neighbour"):
		return []string{objNeigh + rest[0]}
	case isPrefix(object, "rule"):
		if v := after(rest, "pref", "priority", "preference", "order"); v != "" {
			return []string{objRule + v}
		}
	case isPrefix(object, "link"):
		if v := after(rest, "dev", "name"); v != "" {
			return []string{objLink + v}
		}
		return []string{objLink + rest[0]}
	}
	return nil
}

// after returns the word behind one of keys.
func after(words []string, keys ...string) string {
	for i, w := range words[:max(len(words)-1, 0)] {
		for _, k := range keys {
			if w == k {
				return words[i+1]
			}
		}
	}
	return ""
}

// isPrefix reports whether w abbreviates one of names, as ip(8) allows.
func isPrefix(w string, names ...string) bool {
	for _, n := range names {
		if w != "" && strings.HasPrefix(n, w) {
			return true
		}
	}
	return false
}

// withLen writes a destination as the routing table shows it: a host without
// its length of 32.
func withLen(s string) string { return strings.TrimSuffix(s, "/32") }

// Package kathara reads Kathara (and Netkit) labs: a directory with lab.conf and DEVICE.startup files becomes the same
// topology that containerlab files make.
//
// lab.conf(5): a line `device[N]=domain` attaches the device's interface ethN to a collision domain, optionally with a MAC
// after a slash; `device[option]=value` sets an option; LAB_NAME, LAB_VERSION, ... describe the lab. A domain of two
// interfaces becomes a veth, any other number a bridge node that bears the domain's name. shared.startup and
// DEVICE.startup run with sh in the device; a directory DEVICE/ is laid over the device's root.
//
// Not done: lab.dep (devices start together), shared.shutdown and DEVICE.shutdown, lab.ext, options that
// configure a container (image, mem, cpus: noted).
package kathara

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"strconv"
	"strings"

	"linen/lab/clab"
)

const (
	maxConf    = 1 << 20 // bytes of lab.conf
	maxDevices = clab.MaxNodes
)

// Read reads the lab in a directory's file system. dir is where it lies on this machine; it stands in messages and makes the
// startup files' bind sources. Errors are *clab.Error with file and line.
func Read(fsys fs.FS, dir string) (*clab.Topology, error) {
	conf, err := fs.ReadFile(fsys, "lab.conf")
	if err != nil {
		return nil, err
	}
	name := path.Join(dir, "lab.conf")
	l, err := parse(name, conf)
	if err != nil {
		return nil, err
	}
	t := l.topology(cmp.Or(l.name, path.Base(dir)))
	t.File = name
	for _, n := range t.Nodes {
		if !n.IsSwitch() {
			startup(fsys, n)
		}
	}
	return t, nil
}

type lab struct {
	file    string
	name    string
	devices []string
	nodes   map[string]*clab.Node
	domains map[string][]clab.Endpoint
	order   []string       // domains in order of appearance
	used    map[string]int // line of each device:ethN
	notes   []clab.Note
}

func parse(file string, conf []byte) (*lab, error) {
	if len(conf) > maxConf {
		return nil, &clab.Error{File: file, Msg: "the file is larger than 1 MiB"}
	}
	l := &lab{file: file, nodes: map[string]*clab.Node{}, domains: map[string][]clab.Endpoint{}, used: map[string]int{}}
	sc := bufio.NewScanner(bytes.NewReader(conf))
	sc.Buffer(nil, maxConf+1)
	for no := 1; sc.Scan(); no++ {
		line := strings.TrimSpace(strings.TrimPrefix(sc.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := l.line(line, no); err != nil {
			err.File, err.Source, err.Pos.Line = file, sc.Text(), no
			err.Pos.Col = 1 + len(sc.Text()) - len(strings.TrimLeft(sc.Text(), " \t"))
			err.Width = len([]rune(line))
			return nil, err
		}
	}
	if len(l.devices) == 0 {
		return nil, &clab.Error{File: file, Msg: "the lab has no devices", Help: `write pc1[0]="A"`}
	}
	return l, sc.Err()
}

func (l *lab) line(line string, no int) *clab.Error {
	key, val, ok := strings.Cut(line, "=")
	if !ok {
		return &clab.Error{Msg: "this line sets nothing", Help: `write device[0]="domain" or LAB_NAME="..."`}
	}
	key, val = strings.TrimSpace(key), unquote(val)
	dev, opt, isDevice := strings.Cut(key, "[")
	if !isDevice {
		switch {
		case key == "LAB_NAME":
			l.name = labName(val)
		case key == "machines": // Netkit: a list that only restates the devices
		case !strings.HasPrefix(key, "LAB_"):
			return &clab.Error{Msg: fmt.Sprintf("unknown setting %q", key), Help: "lab-wide settings begin with LAB_"}
		}
		return nil
	}
	opt, closed := strings.CutSuffix(strings.TrimSpace(opt), "]")
	if !closed || !deviceName(dev) {
		return &clab.Error{Msg: fmt.Sprintf("%q names no device and interface", key), Help: `write pc1[0]="A"`}
	}
	if len(l.devices) >= maxDevices {
		return &clab.Error{Msg: fmt.Sprintf("a lab has at most %d devices", maxDevices)}
	}
	n := l.node(dev, no)
	if num, err := strconv.Atoi(opt); err == nil {
		return l.attach(n, num, val, no)
	}
	l.option(n, opt, val, no)
	return nil
}

func (l *lab) node(dev string, no int) *clab.Node {
	n := l.nodes[dev]
	if n == nil {
		n = &clab.Node{Name: dev, Kind: "linux", NetworkMode: "none", Pos: clab.Pos{Line: no, Col: 1}}
		l.nodes[dev] = n
		l.devices = append(l.devices, dev)
	}
	return n
}

// attach puts ethN of a device on a collision domain, "A" or "A/02:00:00:00:00:01".
func (l *lab) attach(n *clab.Node, num int, val string, no int) *clab.Error {
	domain, mac, hasMAC := strings.Cut(val, "/")
	e := clab.Endpoint{Node: n.Name, Interface: "eth" + strconv.Itoa(num), Pos: clab.Pos{Line: no, Col: 1}}
	if num < 0 || num > 9999 || domain == "" || !deviceName(domain) {
		return &clab.Error{Msg: fmt.Sprintf("%q is no collision domain of interface %d", val, num), Help: "a domain is a word of letters, digits and _"}
	}
	if hasMAC {
		a, err := net.ParseMAC(mac)
		if err != nil || len(a) != 6 {
			return &clab.Error{Msg: fmt.Sprintf("%q is no MAC address", mac), Help: "write it as 02:00:00:00:00:01"}
		}
		e.MAC, e.MACText = a, a.String()
	}
	if at, twice := l.used[e.String()]; twice {
		return &clab.Error{Msg: fmt.Sprintf("%s is already attached at line %d", e, at)}
	}
	l.used[e.String()] = no
	if l.domains[domain] == nil {
		l.order = append(l.order, domain)
	}
	l.domains[domain] = append(l.domains[domain], e)
	return nil
}

func (l *lab) option(n *clab.Node, opt, val string, no int) {
	switch opt {
	case "exec":
		n.Exec = append(n.Exec, clab.Command{Line: val, Pos: clab.Pos{Line: no, Col: 1}})
	case "sysctl":
		if k, v, ok := strings.Cut(val, "="); ok {
			if n.Sysctls == nil {
				n.Sysctls = map[string]string{}
			}
			n.Sysctls[k] = v
		}
	case "env":
		if k, v, ok := strings.Cut(val, "="); ok {
			if n.Env == nil {
				n.Env = map[string]string{}
			}
			n.Env[k] = v
		}
	default:
		l.notes = append(l.notes, clab.Note{File: l.file, Pos: clab.Pos{Line: no, Col: 1}, Text: fmt.Sprintf("option %s of %s has no effect", opt, n.Name)})
	}
}

func (l *lab) topology(name string) *clab.Topology {
	t := &clab.Topology{Name: labName(name), Notes: l.notes}
	for _, d := range l.devices {
		t.Nodes = append(t.Nodes, l.nodes[d])
	}
	for _, domain := range l.order {
		ends := l.domains[domain]
		if len(ends) == 2 {
			t.Links = append(t.Links, &clab.Link{Type: clab.LinkVeth, MTU: 1500, Endpoints: ends, Pos: ends[0].Pos})
			continue
		}
		sw := domain
		for l.nodes[sw] != nil {
			sw = "domain-" + sw
		}
		t.Nodes = append(t.Nodes, &clab.Node{Name: sw, Kind: "bridge", Pos: ends[0].Pos})
		for i, e := range ends {
			port := clab.Endpoint{Node: sw, Interface: "eth" + strconv.Itoa(i), Pos: e.Pos}
			t.Links = append(t.Links, &clab.Link{Type: clab.LinkVeth, MTU: 1500, Endpoints: []clab.Endpoint{e, port}, Pos: e.Pos})
		}
	}
	return t
}

// startup gives a device its files and the scripts that run when its links are up.
func startup(fsys fs.FS, n *clab.Node) {
	if st, err := fs.Stat(fsys, n.Name); err == nil && st.IsDir() {
		top, err := fs.ReadDir(fsys, n.Name)
		if err == nil {
			for _, e := range top { // each entry below DEVICE/ stands at the same place below /
				n.Binds = append(n.Binds, clab.Bind{Source: path.Join(n.Name, e.Name()), Target: "/" + e.Name()})
			}
		}
	}
	var scripts []clab.Command
	for _, s := range []string{"shared.startup", n.Name + ".startup"} {
		if st, err := fs.Stat(fsys, s); errors.Is(err, fs.ErrNotExist) || err == nil && st.IsDir() {
			continue
		}
		n.Binds = append(n.Binds, clab.Bind{Source: s, Target: "/run/kathara/" + s, ReadOnly: true})
		scripts = append(scripts, clab.Command{Line: "sh /run/kathara/" + s})
	}
	n.Exec = append(scripts, n.Exec...)
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return s[1 : 1+end]
		}
	}
	if i := strings.Index(s, " #"); i >= 0 {
		s = strings.TrimSpace(s[:i])
	}
	return s
}

func deviceName(s string) bool {
	for i, c := range s {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || i > 0 && (c == '_' || c == '-') {
			continue
		}
		return false
	}
	return s != "" && len(s) <= 64
}

// labName makes a lab's free text title a name: blanks and the like become dashes.
func labName(s string) string {
	s = strings.Map(func(c rune) rune {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, s)
	return cmp.Or(strings.Trim(s, "-._"), "lab")
}

package lab

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"linen/lab/clab"
)

// HostView is the part of the machine that a plan reads: files named by env-files, and the home directory for ~. The zero value
// reads nothing and knows no home.
type HostView struct {
	ReadFile func(name string) ([]byte, error)
	Exists   func(name string) bool // whether this machine has a program
	Home     string
	Dir      string   // what a relative name of a topology file is relative to; absolute
	Environ  []string // for __IMPORT_ENVS
}

// ThisHost is the machine the process runs on.
func ThisHost() HostView {
	home, _ := os.UserHomeDir() // without a home, ~ stays as it is written
	exists := func(name string) bool { _, err := os.Stat(name); return err == nil }
	dir, _ := os.Getwd() // a directory that is gone holds no topology file
	return HostView{ReadFile: os.ReadFile, Exists: exists, Home: home, Dir: dir, Environ: os.Environ()}
}

// path is where a path of the topology file lies; absolute when Dir is known.
func (h HostView) path(t *clab.Topology, n *clab.Node, name string) string {
	name = t.HostPath(n, name, h.Home)
	if h.Dir != "" && !filepath.IsAbs(name) {
		name = filepath.Join(h.Dir, name)
	}
	return name
}

// Plan is a topology as specifications for an engine.
type Plan struct {
	Nodes map[string]NodeSpec
	Links []LinkSpec
	Notes []PlanNote // what a user should know of nodes that cannot be all that the file says
}

// MakePlan resolves a topology that [clab.Topology.Runnable] accepts. It fails when an env-file or a bind's source is missing.
func MakePlan(t *clab.Topology, host HostView) (*Plan, error) {
	p := &Plan{Nodes: make(map[string]NodeSpec, len(t.Nodes))}
	hosts := hostLines(t)
	for _, n := range t.Nodes {
		env, err := nodeEnv(t, n, host)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", n.Name, err)
		}
		spec := NodeSpec{
			Name: n.Name, Hostname: cmp.Or(n.Hostname, n.Name), Switch: n.IsSwitch(), Sysctls: n.Sysctls,
			Env: env, DNS: n.DNS, Hosts: hosts, User: n.User,
		}
		if n.IsUplink() {
			spec.Uplink = &Uplink{Loopback: n.Type == clab.UplinkLoopback, Resolver: host.Resolver()}
		}
		for _, b := range n.Binds {
			if b.Source != "" {
				b.Source = host.path(t, n, b.Source)
			}
			spec.Binds = append(spec.Binds, b)
		}
		if err := p.programs(t, n, host, &spec); err != nil {
			return nil, fmt.Errorf("node %s: %w", n.Name, err)
		}
		for _, b := range spec.Binds {
			if b.Source != "" && host.Exists != nil && !host.Exists(b.Source) {
				return nil, fmt.Errorf("%s:%d:%d: node %s: there is no %s to bind", t.File, b.Pos.Line, b.Pos.Col, n.Name, b.Source)
			}
		}
		p.Nodes[n.Name] = spec
	}
	for _, l := range t.Links {
		p.Links = append(p.Links, linkSpec(l))
	}
	return p, p.publish(t)
}

func linkSpec(l *clab.Link) LinkSpec {
	out := LinkSpec{Type: l.Type, MTU: cmp.Or(l.MTU, clab.DefaultMTU), HostInterface: l.HostInterface}
	for _, e := range l.Endpoints {
		end := EndSpec{Node: e.Node, Name: e.Interface, MAC: e.MAC, Impair: e.Impair}
		for _, a := range []netip.Prefix{e.IPv4, e.IPv6} {
			if a.IsValid() {
				end.Addrs = append(end.Addrs, a)
			}
		}
		out.Ends = append(out.Ends, end)
	}
	return out
}

// hostLines gives every node's first address of each family in the file its names, so that `ping r2` works from any node.
func hostLines(t *clab.Topology) []Host {
	type family struct {
		node string
		is4  bool
	}
	names := make(map[string][]string, len(t.Nodes))
	for _, n := range t.Nodes {
		names[n.Name] = append([]string{n.Name}, n.Aliases...)
	}
	seen := map[family]bool{}
	var out []Host
	for _, l := range t.Links {
		for _, e := range l.Endpoints {
			for _, a := range []netip.Prefix{e.IPv4, e.IPv6} {
				f := family{e.Node, a.Addr().Is4()}
				if a.IsValid() && !seen[f] {
					seen[f] = true
					out = append(out, Host{Addr: a.Addr(), Names: names[e.Node]})
				}
			}
		}
	}
	return out
}

// nodeEnv is a node's environment: env-files in order, then env.
func nodeEnv(t *clab.Topology, n *clab.Node, host HostView) ([]string, error) {
	env := map[string]string{}
	if n.Env["__IMPORT_ENVS"] == "true" {
		for _, kv := range host.Environ {
			k, v, _ := strings.Cut(kv, "=")
			env[k] = v
		}
	}
	for _, f := range n.EnvFiles {
		if host.ReadFile == nil {
			return nil, fmt.Errorf("env-file %s: no files here", f)
		}
		data, err := host.ReadFile(t.HostPath(n, f, host.Home))
		if err != nil {
			return nil, fmt.Errorf("env-file: %w", err)
		}
		if err := envFile(data, env); err != nil {
			return nil, fmt.Errorf("env-file %s: %w", f, err)
		}
	}
	maps.Copy(env, n.Env)
	delete(env, "__IMPORT_ENVS")
	out := make([]string, 0, len(env))
	for k, v := range env {
		out = append(out, k+"="+v)
	}
	slices.Sort(out)
	return out, nil
}

// envFile reads docker's --env-file form: K=V lines, # comments, no quoting.
func envFile(data []byte, env map[string]string) error {
	sc := bufio.NewScanner(bytes.NewReader(data))
	for no := 1; sc.Scan(); no++ {
		line := strings.TrimSpace(strings.TrimPrefix(sc.Text(), "export "))
		if line == "" || line[0] == '#' {
			continue
		}
		k, v, ok := strings.Cut(line, "=")
		if !ok || k == "" || strings.ContainsAny(k, " \t") {
			return fmt.Errorf("line %d: %q is not NAME=value", no, line)
		}
		env[k] = v
	}
	return sc.Err()
}

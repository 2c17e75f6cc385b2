package clab

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// layer is what one level (defaults, a kind, a group, a node) sets, as steps applied to a node in order: the
// steps of a lower level run later, so replacing, merging and appending are each field's own step.
type layer []func(*Node)

func (l layer) apply(n *Node) {
	for _, step := range l {
		step(n)
	}
}

// probe applies a layer alone, to read the fields that choose further layers.
func (l layer) probe() Node {
	var n Node
	l.apply(&n)
	return n
}

// ignored fields configure containers; a node of linen is none.
func ignoredFields() []string {
	return []string{"image-pull-policy", "restart-policy", "license", "enforce-startup-config", "suppress-startup-config",
		"auto-remove", "volumes", "credentials", "runtime", "link-apply-mode", "cpu", "memory", "cpu-set", "extras", "config",
		"certificate", "components", "shm-size", "cap-add", "privileged", "cgroupns-mode", "cgroup-parent", "pid-mode",
		"tmpfs", "security-opts", "devices", "publish", "position"}
}

// layer reads the fields of one level. who names it in messages.
func (d *decoder) layer(v *value, who string) layer {
	var l layer
	add := func(step func(*Node)) { l = append(l, step) }
	f := fields{}
	d.scalarFields(f, add)
	d.listFields(f, add)
	d.blockFields(f, add, who)
	for _, name := range ignoredFields() {
		f[name] = func(d *decoder, v *value) {
			d.note(v.mark, "%s has no effect: a node is not a container", name)
		}
	}
	d.object(v, who, f)
	return l
}

func (d *decoder) scalarFields(f fields, add func(func(*Node))) {
	str := func(name string, at func(*Node) *string) {
		f[name] = func(d *decoder, v *value) {
			if s := d.text(v, name); s != "" {
				add(func(n *Node) { *at(n) = s })
			}
		}
	}
	marked := func(name string, at func(*Node) (*string, *mark)) {
		f[name] = func(d *decoder, v *value) {
			if s := d.text(v, name); s != "" {
				add(func(n *Node) { s0, m := at(n); *s0, *m = s, v.mark })
			}
		}
	}
	marked("kind", func(n *Node) (*string, *mark) { return &n.Kind, &n.kindPos })
	marked("image", func(n *Node) (*string, *mark) { return &n.Image, &n.imagePos })
	marked("network-mode", func(n *Node) (*string, *mark) { return &n.NetworkMode, &n.netPos })
	str("type", func(n *Node) *string { return &n.Type })
	str("group", func(n *Node) *string { return &n.Group })
	str("startup-config", func(n *Node) *string { return &n.StartupConfig })
	str("user", func(n *Node) *string { return &n.User })
	str("hostname", func(n *Node) *string { return &n.Hostname })
	str("entrypoint", func(n *Node) *string { return &n.Entrypoint })
	str("cmd", func(n *Node) *string { return &n.Cmd })
	f["startup-delay"] = func(d *decoder, v *value) {
		s := time.Duration(d.number(v, "startup-delay", 0, 86400)) * time.Second
		add(func(n *Node) { n.StartupDelay = s })
	}
	mgmt4 := func(d *decoder, v *value) { a := d.addr(v, "mgmt-ipv4"); add(func(n *Node) { n.MgmtIPv4 = a }) }
	mgmt6 := func(d *decoder, v *value) { a := d.addr(v, "mgmt-ipv6"); add(func(n *Node) { n.MgmtIPv6 = a }) }
	f["mgmt-ipv4"], f["mgmt_ipv4"], f["mgmt-ipv6"], f["mgmt_ipv6"] = mgmt4, mgmt4, mgmt6, mgmt6
}

func (d *decoder) listFields(f fields, add func(func(*Node))) {
	f["exec"] = func(d *decoder, v *value) {
		cmds := d.commands(v, "exec")
		add(func(n *Node) { n.Exec = append(n.Exec, cmds...) })
	}
	f["binds"] = func(d *decoder, v *value) {
		binds := d.binds(v)
		add(func(n *Node) { n.Binds = mergeBinds(n.Binds, binds) })
	}
	f["ports"] = func(d *decoder, v *value) {
		ports := d.ports(v)
		add(func(n *Node) { n.Ports, n.portsPos = ports, v.mark })
	}
	f["env-files"] = func(d *decoder, v *value) {
		files := d.texts(v, "env-files")
		add(func(n *Node) { n.EnvFiles = union(n.EnvFiles, files) })
	}
	f["aliases"] = func(d *decoder, v *value) {
		names := d.texts(v, "aliases")
		add(func(n *Node) { n.Aliases = union(n.Aliases, names) })
	}
	keyed := func(name string, at func(*Node) *map[string]string) {
		f[name] = func(d *decoder, v *value) {
			m := d.textMap(v, name)
			add(func(n *Node) {
				if to := at(n); *to == nil {
					*to = maps.Clone(m)
				} else {
					maps.Copy(*to, m)
				}
			})
		}
	}
	keyed("env", func(n *Node) *map[string]string { return &n.Env })
	keyed("labels", func(n *Node) *map[string]string { return &n.Labels })
	keyed("sysctls", func(n *Node) *map[string]string { return &n.Sysctls })
}

func (d *decoder) blockFields(f fields, add func(func(*Node)), who string) {
	f["dns"] = func(d *decoder, v *value) {
		var dns DNS
		d.object(v, "dns of "+who, fields{
			"servers": func(d *decoder, v *value) { dns.Servers = d.texts(v, "servers") },
			"search":  func(d *decoder, v *value) { dns.Search = d.texts(v, "search") },
			"options": func(d *decoder, v *value) { dns.Options = d.texts(v, "options") },
		})
		add(func(n *Node) { n.DNS = &dns })
	}
	f["healthcheck"] = func(d *decoder, v *value) {
		h := d.healthcheck(v, who)
		add(func(n *Node) { n.Healthcheck = h })
	}
	f["stages"] = func(d *decoder, v *value) {
		st := d.stages(v, who)
		add(func(n *Node) { n.Stages = mergeStages(n.Stages, st) })
	}
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// mergeBinds replaces a bind of an upper level that has the same destination and appends the rest.
func mergeBinds(a, b []Bind) []Bind {
	out := slices.Clone(a)
	for _, n := range b {
		if i := slices.IndexFunc(out, func(o Bind) bool { return o.Target == n.Target }); i >= 0 {
			out[i] = n
		} else {
			out = append(out, n)
		}
	}
	return out
}

func (d *decoder) commands(v *value, what string) []Command {
	if v.kind == nullValue || !d.want(v, listValue, what) {
		return nil
	}
	var out []Command
	for _, it := range v.items {
		line := d.text(it, "an entry of "+what)
		if line == "" {
			continue
		}
		if _, err := splitWords(line); err != nil {
			d.fail(it.mark, "commands are split into words as a shell would, but run without one; use sh -c '...' for pipes", "%v", err)
		}
		out = append(out, Command{Line: line, Pos: it.mark.Pos})
	}
	return out
}

func (d *decoder) binds(v *value) []Bind {
	if v.kind == nullValue || !d.want(v, listValue, "binds") {
		return nil
	}
	var out []Bind
	for _, it := range v.items {
		s := d.text(it, "an entry of binds")
		parts := strings.Split(s, ":")
		b := Bind{Pos: it.mark.Pos}
		switch len(parts) {
		case 1:
			b.Target = parts[0]
		case 2, 3:
			b.Source, b.Target = parts[0], parts[1]
			if b.Source == "" {
				b.Target = ""
			}
		}
		if len(parts) == 3 {
			b.ReadOnly = slices.Contains(strings.Split(parts[2], ","), "ro")
		}
		if !path.IsAbs(b.Target) {
			d.fail(it.mark, "write it as source:/path/in/node or source:/path/in/node:ro", "a bind needs an absolute destination, here is %q", s)
			continue
		}
		b.Target = path.Clean(b.Target)
		out = append(out, b)
	}
	return out
}

func (d *decoder) ports(v *value) []Port {
	if v.kind == nullValue || !d.want(v, listValue, "ports") {
		return nil
	}
	var out []Port
	for _, it := range v.items {
		s := d.text(it, "an entry of ports")
		p, ok := ParsePort(s)
		if !ok {
			d.fail(it.mark, "write it as 8080:80 or 127.0.0.1:8053:53/udp", "%q is no port mapping", s)
			continue
		}
		out = append(out, p)
	}
	return out
}

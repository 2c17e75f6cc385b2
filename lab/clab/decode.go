package clab

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder collects mistakes and notes while values become a Topology.
type decoder struct {
	src   *source
	errs  Errors
	notes []Note
	noted map[string]bool
}

func (d *decoder) fail(m mark, help, format string, args ...any) {
	d.errs = append(d.errs, d.src.errorAt(m, fmt.Sprintf(format, args...), help))
}

// note keeps a remark once per text.
func (d *decoder) note(m mark, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if d.noted[text] {
		return
	}
	if d.noted == nil {
		d.noted = map[string]bool{}
	}
	d.noted[text] = true
	d.notes = append(d.notes, Note{d.src.file, m.Pos, text})
}

// fields maps each key of an object to what reads it.
type fields map[string]func(d *decoder, v *value)

func (f fields) names() []string { return slices.Sorted(maps.Keys(f)) }

// object reads a map strictly: an unknown key is a mistake, with the nearest known name.
func (d *decoder) object(v *value, what string, f fields) bool {
	if v.kind == nullValue {
		return true
	}
	if !d.want(v, mapValue, what) {
		return false
	}
	for _, p := range v.pairs {
		read, ok := f[p.key]
		if !ok {
			help := didYouMean(p.key, f.names())
			if help == "" {
				help = "known here: " + abbreviate(f.names())
			}
			d.fail(p.at, help, "unknown field %q in %s", p.key, what)
			continue
		}
		read(d, p.val)
	}
	return true
}

func abbreviate(names []string) string {
	if len(names) > 14 {
		return strings.Join(names[:14], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func (d *decoder) want(v *value, k valueKind, what string) bool {
	if v.kind != k {
		d.fail(v.mark, "", "%s must be %s, here is %s", what, k, v.kind)
		return false
	}
	return true
}

// text reads a scalar as a string: numbers and booleans are taken as they are written.
func (d *decoder) text(v *value, what string) string {
	if v.kind == nullValue {
		return ""
	}
	if !d.want(v, scalarValue, what) {
		return ""
	}
	return v.text
}

func (d *decoder) number(v *value, what string, lo, hi int) int {
	s := d.text(v, what)
	if v.kind != scalarValue {
		return 0
	}
	n, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
	if err != nil || n < lo || n > hi {
		d.fail(v.mark, "", "%s must be a whole number from %d to %d, here is %q", what, lo, hi, s)
		return 0
	}
	return n
}

func (d *decoder) texts(v *value, what string) []string {
	if v.kind == nullValue || !d.want(v, listValue, what) {
		return nil
	}
	out := make([]string, 0, len(v.items))
	for _, it := range v.items {
		out = append(out, d.text(it, "an entry of "+what))
	}
	return out
}

func (d *decoder) textMap(v *value, what string) map[string]string {
	if v.kind == nullValue || !d.want(v, mapValue, what) {
		return nil
	}
	out := make(map[string]string, len(v.pairs))
	for _, p := range v.pairs {
		out[p.key] = d.text(p.val, what+" "+p.key)
	}
	return out
}

// free reads any value: maps become map[string]any, lists []any, scalars strings.
func (d *decoder) free(v *value) any {
	switch v.kind {
	case mapValue:
		m := make(map[string]any, len(v.pairs))
		for _, p := range v.pairs {
			m[p.key] = d.free(p.val)
		}
		return m
	case listValue:
		l := make([]any, 0, len(v.items))
		for _, it := range v.items {
			l = append(l, d.free(it))
		}
		return l
	case scalarValue:
		return v.text
	}
	return nil
}

func (d *decoder) addr(v *value, what string) netip.Addr {
	s := d.text(v, what)
	if s == "" {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		d.fail(v.mark, "", "%s must be an address, here is %q", what, s)
	}
	return a
}

// prefix reads an interface address with its length; is4 says of which family.
func (d *decoder) prefix(v *value, is4 bool) netip.Prefix {
	what, example := "ipv6", "2001:db8::1/64"
	if is4 {
		what, example = "ipv4", "10.0.0.1/24"
	}
	s := d.text(v, what)
	if s == "" {
		return netip.Prefix{}
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4() != is4 {
		d.fail(v.mark, "write it as "+example, "%s must be an address with its prefix length, here is %q", what, s)
		return netip.Prefix{}
	}
	return p
}

// seconds reads a number of seconds, or a Go duration as containerlab's newer fields allow.
func (d *decoder) seconds(v *value, what string) time.Duration {
	s := d.text(v, what)
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := time.ParseDuration(s); err == nil && t >= 0 {
		return t
	}
	if v.kind == scalarValue {
		d.fail(v.mark, "", "%s must be a number of seconds, here is %q", what, s)
	}
	return 0
}

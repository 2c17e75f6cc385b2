package clab

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

func (d *decoder) healthcheck(v *value, who string) *Healthcheck {
	// containerlab's defaults are docker's: 30 s, 30 s, 3 retries
	h := &Healthcheck{Interval: 30 * time.Second, Timeout: 30 * time.Second, Retries: 3}
	d.object(v, "healthcheck of "+who, fields{
		"test": func(d *decoder, v *value) {
			if v.kind == scalarValue {
				h.Test = []string{"CMD-SHELL", v.text}
				return
			}
			h.Test = d.texts(v, "test")
			if len(h.Test) > 0 && !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, h.Test[0]) {
				d.fail(v.mark, `begin with "CMD" (words) or "CMD-SHELL" (one line for sh)`, "the test does not say how to run it")
			}
		},
		"interval":     func(d *decoder, v *value) { h.Interval = d.seconds(v, "interval") },
		"timeout":      func(d *decoder, v *value) { h.Timeout = d.seconds(v, "timeout") },
		"start-period": func(d *decoder, v *value) { h.StartPeriod = d.seconds(v, "start-period") },
		"retries":      func(d *decoder, v *value) { h.Retries = d.number(v, "retries", 0, 1000) },
	})
	return h
}

func (d *decoder) stages(v *value, who string) map[string]Stage {
	out := map[string]Stage{}
	f := fields{}
	for _, name := range StageNames() {
		f[name] = func(d *decoder, v *value) {
			var s Stage
			d.object(v, "stage "+name+" of "+who, fields{
				"wait-for": func(d *decoder, v *value) { s.WaitFor = d.waitFor(v) },
				"exec":     func(d *decoder, v *value) { d.stageExec(v, &s) },
			})
			out[name] = s
		}
	}
	d.object(v, "stages of "+who, f)
	return out
}

func (d *decoder) waitFor(v *value) []WaitFor {
	if v.kind == nullValue || !d.want(v, listValue, "wait-for") {
		return nil
	}
	var out []WaitFor
	for _, it := range v.items {
		w := WaitFor{Pos: it.mark.Pos}
		d.object(it, "wait-for", fields{
			"node": func(d *decoder, v *value) { w.Node, w.Pos = d.text(v, "node"), v.mark.Pos },
			"stage": func(d *decoder, v *value) {
				w.Stage = d.text(v, "stage")
				if !slices.Contains(StageNames(), w.Stage) {
					d.fail(v.mark, "stages are "+strings.Join(StageNames(), ", "), "unknown stage %q", w.Stage)
				}
			},
		})
		out = append(out, w)
	}
	return out
}

// stageExec reads both forms: {on-enter: [line], on-exit: [line]} and [{command, target, phase}].
func (d *decoder) stageExec(v *value, s *Stage) {
	if v.kind == mapValue {
		d.object(v, "exec of a stage", fields{
			"on-enter": func(d *decoder, v *value) { s.OnEnter = d.commands(v, "on-enter") },
			"on-exit":  func(d *decoder, v *value) { s.OnExit = d.commands(v, "on-exit") },
		})
		return
	}
	if v.kind == nullValue || !d.want(v, listValue, "exec of a stage") {
		return
	}
	for _, it := range v.items {
		c := Command{Pos: it.mark.Pos}
		phase := "on-enter"
		d.object(it, "exec of a stage", fields{
			"command": func(d *decoder, v *value) { c.Line, c.Pos = d.text(v, "command"), v.mark.Pos },
			"target":  func(d *decoder, v *value) { c.Target = d.choice(v, "target", "container", "host") },
			"phase":   func(d *decoder, v *value) { phase = d.choice(v, "phase", "on-enter", "on-exit") },
		})
		if c.Line == "" {
			d.fail(it.mark, "", "this exec has no command")
			continue
		}
		if _, err := splitWords(c.Line); err != nil {
			d.fail(it.mark, "", "%v", err)
		}
		if phase == "on-exit" {
			s.OnExit = append(s.OnExit, c)
		} else {
			s.OnEnter = append(s.OnEnter, c)
		}
	}
}

func (d *decoder) choice(v *value, what string, of ...string) string {
	s := d.text(v, what)
	if v.kind == scalarValue && !slices.Contains(of, s) {
		d.fail(v.mark, fmt.Sprintf("%s is one of %s", what, strings.Join(of, ", ")), "unknown %s %q", what, s)
	}
	return s
}

// mergeStages appends the waits and commands of a lower level to those of the upper.
func mergeStages(a, b map[string]Stage) map[string]Stage {
	out := make(map[string]Stage, len(a)+len(b))
	for name, s := range a {
		out[name] = s
	}
	for name, s := range b {
		up := out[name]
		for _, w := range s.WaitFor {
			same := func(o WaitFor) bool { return o.Node == w.Node && o.Stage == w.Stage }
			if !slices.ContainsFunc(up.WaitFor, same) {
				up.WaitFor = append(slices.Clone(up.WaitFor), w)
			}
		}
		up.OnEnter = slices.Concat(up.OnEnter, s.OnEnter)
		up.OnExit = slices.Concat(up.OnExit, s.OnExit)
		out[name] = up
	}
	return out
}

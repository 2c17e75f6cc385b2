package clab

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// impairment reads `vars.linen` of a link or endpoint.
func (d *decoder) impairment(v *value, out *Impairment) {
	percent := func(to *float64) func(*decoder, *value) {
		return func(d *decoder, v *value) { *to = d.percent(v) }
	}
	dur := func(to *time.Duration) func(*decoder, *value) {
		return func(d *decoder, v *value) { *to = d.delay(v) }
	}
	d.object(v, "vars.linen", fields{
		"delay": dur(&out.Delay), "jitter": dur(&out.Jitter),
		"loss": percent(&out.Loss), "duplicate": percent(&out.Duplicate),
		"corrupt": percent(&out.Corrupt), "reorder": percent(&out.Reorder),
		"rate": func(d *decoder, v *value) { out.Rate = d.rate(v) },
		"seed": func(d *decoder, v *value) {
			n, err := strconv.ParseUint(d.text(v, "seed"), 10, 64)
			if err != nil && v.kind == scalarValue {
				d.fail(v.mark, "", "seed must be a whole number, here is %q", v.text)
			}
			out.Seed = n
		},
	})
	if out.Jitter > 0 && out.Delay == 0 {
		d.fail(v.mark, "add a delay", "jitter without delay has no effect")
	}
}

// vars reads a free-form `vars` and the settings of linen in it.
func (d *decoder) vars(v *value, out *Impairment) map[string]any {
	if v.kind == nullValue || !d.want(v, mapValue, "vars") {
		return nil
	}
	if l := v.get("linen"); l != nil {
		d.impairment(l, out)
	}
	m, _ := d.free(v).(map[string]any)
	return m
}

func (d *decoder) percent(v *value) float64 {
	s := d.text(v, "a percentage")
	f, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
	if err != nil || !(f >= 0 && f <= 100) {
		if v.kind == scalarValue {
			d.fail(v.mark, "write it as 0.5 or 0.5%", "a percentage goes from 0 to 100, here is %q", s)
		}
		return 0
	}
	return f
}

func (d *decoder) delay(v *value) time.Duration {
	s := d.text(v, "a time")
	t, err := time.ParseDuration(s)
	if s == "0" {
		return 0
	}
	if err != nil || t < 0 || t > time.Hour {
		if v.kind == scalarValue {
			d.fail(v.mark, "write it with its unit: 20ms, 150us, 1.5s", "a time of up to an hour is wanted, here is %q", s)
		}
		return 0
	}
	return t
}

// rate reads tc's units (tc(8), "Rates"): bit, kbit, mbit, gbit, tbit with the SI meaning and bps, kbps, ... in bytes.
func (d *decoder) rate(v *value) uint64 {
	s := strings.ToLower(d.text(v, "rate"))
	if v.kind != scalarValue {
		return 0
	}
	num := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyz")
	f, err := strconv.ParseFloat(strings.TrimSpace(num), 64)
	bits, ok := rateUnits()[s[len(num):]]
	if err != nil || !ok || !(f > 0) || f*bits < 1 || f*bits > math.MaxInt64 {
		d.fail(v.mark, "write it with tc's units: 512kbit, 10mbit, 1gbit", "a rate with its unit is wanted, here is %q", v.text)
		return 0
	}
	return uint64(f * bits)
}

func rateUnits() map[string]float64 {
	units := map[string]float64{}
	for i, p := range []string{"", "k", "m", "g", "t"} {
		si := math.Pow(1000, float64(i))
		units[p+"bit"], units[p+"bps"] = si, 8*si
		if p != "" {
			bin := math.Pow(1024, float64(i))
			units[p+"ibit"], units[p+"ibps"] = bin, 8*bin
		}
	}
	return units
}

// Set changes one setting by its name in vars.linen, with the same forms and messages: Set("delay", "20ms").
func (i *Impairment) Set(name, text string) error {
	next := *i
	d := &decoder{src: newSource("", "", func(string) (string, bool) { return "", false })}
	v := &value{kind: mapValue, pairs: []pair{{key: name, val: &value{kind: scalarValue, text: text}}}}
	d.impairment(v, &next)
	if len(d.errs) > 0 {
		e := d.errs[0]
		if e.Help != "" {
			return fmt.Errorf("%s (%s)", e.Msg, e.Help)
		}
		return errors.New(e.Msg)
	}
	*i = next
	return nil
}

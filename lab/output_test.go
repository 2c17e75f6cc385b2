package lab

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"linen/lab/clab"
)

func sample() Info {
	return Info{
		API: APIVersion, File: "/labs/first.clab.yml", Owner: "me", Topology: &clab.Topology{Name: "first"},
		Nodes: []NodeStatus{
			{Name: "h1", Kind: "linux", State: "running", Programs: 2, Interfaces: []InterfaceStatus{
				{Name: "lo", Addrs: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8")}},
				{Name: "eth1", MAC: "02:00:00:00:00:01", Index: 2, MTU: 1500, Type: "veth", State: "up", Impair: "delay 20ms",
					Addrs: []netip.Prefix{netip.MustParsePrefix("fe80::1/64"), netip.MustParsePrefix("10.0.1.2/24")}},
			}},
			{Name: "sw1", Kind: "bridge", State: "running"},
		},
	}
}

func TestPrint(t *testing.T) {
	info := sample()
	for _, format := range OutputFormats() {
		var b bytes.Buffer
		if err := Print(&b, format, Inspect(info, "/labs"), InspectTable(info)); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/output/inspect."+format, b.String())
	}
	var b bytes.Buffer
	if err := Print(&b, "wide", nil, InterfaceTable(info, "h1")); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/output/interfaces.wide", b.String())
	if err := Print(&b, "xml", nil, Table{}); err == nil {
		t.Error("an unknown format was printed")
	}
}

func TestProgress(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	clock := func() time.Time { at = at.Add(time.Second); return at }
	env := map[string]string{}
	print := func(tty bool) string {
		var b bytes.Buffer
		p := NewProgress(&b, tty, func(k string) string { return env[k] }, clock)
		p.Event(Event{Node: "r1", Event: "up"})
		p.Event(Event{Node: "r2", Event: "command", Text: "x:3: r2: \"ip\" ended with status 1"})
		return b.String()
	}
	if got := print(false); got != `{"time":"2026-01-02T03:04:07Z","node":"r1","event":"up"}
{"time":"2026-01-02T03:04:08Z","node":"r2","event":"command","text":"x:3: r2: \"ip\" ended with status 1"}
` {
		t.Errorf("to a pipe: %s", got)
	}
	if got := print(true); !strings.Contains(got, "\x1b[32mok") || !strings.Contains(got, "\x1b[31m!!") {
		t.Errorf("to a terminal: %q", got)
	}
	env["NO_COLOR"] = "1"
	if got := print(true); !strings.HasPrefix(got, "ok r1               up (1s)\n!! r2 ") {
		t.Errorf("with NO_COLOR: %q", got)
	}
}

func TestCheckAPI(t *testing.T) {
	for api, want := range map[int]string{APIVersion: "", APIVersion + 1: "newer", APIVersion - 1: "linen down --lab x"} {
		err := CheckAPI(Meta{API: api, Name: "x"})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("API %d: %v", api, err)
		}
	}
}

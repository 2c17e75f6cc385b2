//go:build linux

package supervise_test

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/supervise"
)

// callSize is what testdata/calls.c reads for a call.
const callSize = 32

// oneCall is a call by its place in the table of testdata/calls.c, with kinds of
// arguments (0: a socket, 1: memory, 2: memory before a hole, 3: a number) and
// their values.
func oneCall(nr byte, args ...uint32) []byte {
	b := make([]byte, callSize)
	b[0] = nr
	for i := 0; i+1 < len(args); i += 2 {
		b[1+i/2] = byte(args[i])
		binary.LittleEndian.PutUint32(b[8+2*i:], args[i+1])
	}
	return b
}

// FuzzCalls makes any calls with any arguments, as an unprivileged program of a
// node: the supervisor stays, answers them all, and keeps nothing of the program.
func FuzzCalls(f *testing.F) {
	for nr := range byte(28) {
		f.Add(oneCall(nr, 0, uint32(nr), 1, 0, 3, 16, 1, 64, 1, 128, 3, 16))
		f.Add(oneCall(nr, 0, uint32(nr+1), 2, 8, 3, 0xffffffff, 2, 4, 2, 1, 4, 0xffffffff))
	}
	for _, cmd := range []uint32{0x8912, 0x8913, 0x8946, 0x890b, 0x541b, 0x8901, 0x5452, 0x89f0, 0x894c} {
		f.Add(append(oneCall(24, 0, 0, 3, cmd, 1, 0), oneCall(24, 0, 4, 3, cmd, 2, 12)...))
	}
	f.Add(append(oneCall(12, 0, 2, 1, 0, 3, 1), oneCall(15, 0, 3, 1, 0, 3, 0)...))
	bin := cProgram(f, "calls")
	l := newLab(f)
	n := l.node(l.h1)
	p := startCalls(f, n, bin)
	f.Fuzz(func(t *testing.T, data []byte) {
		k := len(data) / callSize
		if k == 0 || k > 8 {
			return
		}
		p.do(t, append([]byte{byte(k)}, data[:k*callSize]...))
		if err := n.Err(); err != nil {
			t.Fatal(err)
		}
		until(t, "every socket is closed", func() bool { return n.Sockets() == 0 })
	})
}

// callsProgram is a running testdata/calls.c.
type callsProgram struct{ in, out *os.File }

func startCalls(f *testing.F, n *supervise.Node, bin string) *callsProgram {
	f.Helper()
	inR, in, err := os.Pipe()
	if err != nil {
		f.Fatal(err)
	}
	defer inR.Close()
	out, outW, err := os.Pipe()
	if err != nil {
		f.Fatal(err)
	}
	defer outW.Close()
	f.Cleanup(func() {
		in.Close()
		out.Close()
	})
	if _, err := n.Exec(runtest.Context(f), nodeinit.Program{Argv: []string{bin}, Env: []string{path}}, inR, outW, os.Stderr); err != nil {
		f.Fatal(err)
	}
	return &callsProgram{in, out}
}

// do makes the program run a group and waits for its end.
func (p *callsProgram) do(t *testing.T, group []byte) {
	t.Helper()
	p.out.SetReadDeadline(time.Now().Add(runtest.Timeout))
	if _, err := p.in.Write(group); err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := p.out.Read(b[:]); err != nil {
		t.Fatalf("no end of the calls: %v", err)
	}
}

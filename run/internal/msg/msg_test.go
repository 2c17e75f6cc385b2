//go:build linux

package msg

import (
	"io"
	"os"
	"strings"
	"testing"
)

type text struct{ S string }

func pair(t *testing.T) (a, b *Conn) {
	t.Helper()
	a, f, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	if b, err = FromFile(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name string
		n    int
	}{
		{"empty", 0}, {"small", 10}, {"at the inline limit", maxInline - len(`{"S":""}`)}, {"in memory", 3 << 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := pair(t)
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			want := text{S: strings.Repeat("x", tc.n)}
			if err := a.Send(want, w); err != nil {
				t.Fatal(err)
			}
			w.Close()
			var got text
			files, err := b.Recv(&got)
			if err != nil || got != want || len(files) != 1 {
				t.Fatalf("Recv = %d bytes, %d files, %v", len(got.S), len(files), err)
			}
			if _, err := files[0].WriteString("through"); err != nil {
				t.Fatal(err)
			}
			CloseAll(files)
			if b, err := io.ReadAll(r); string(b) != "through" {
				t.Fatalf("read %q, %v", b, err)
			}
		})
	}
}

func TestCloseIsEOF(t *testing.T) {
	a, b := pair(t)
	a.Close()
	if _, err := b.Recv(&text{}); err != io.EOF {
		t.Fatalf("Recv after close = %v, want EOF", err)
	}
}

func TestPeerUID(t *testing.T) {
	a, _ := pair(t)
	if uid, err := a.PeerUID(); err != nil || uid != os.Getuid() {
		t.Fatalf("PeerUID = %d, %v; want %d", uid, err, os.Getuid())
	}
}

func TestGarbageIsAnError(t *testing.T) {
	for _, record := range []string{"M", "J", "J{", "?{}"} {
		a, b := pair(t)
		if _, err := a.c.Write([]byte(record)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Recv(&text{}); err == nil || err == io.EOF {
			t.Errorf("record %q: Recv = %v, want an error", record, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`J{"S":"x"}`))
	f.Add([]byte("M"))
	f.Add([]byte("J"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		decode(b, nil, &text{})
	})
}

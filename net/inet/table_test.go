package inet

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
)

// chain returns the values of one hash, in the order of a walk.
func chain(t *Table[int], hash uint32) (got []int) {
	for n := t.First(hash); n != nil; n = n.Next() {
		got = append(got, n.Value)
	}
	return got
}

func TestTableAgainstMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var tb Table[int]
	oracle := map[uint32]map[int]bool{}
	entries := map[int]*Entry[int]{}
	hashes := map[int]uint32{}
	for i := range 5000 {
		if r.IntN(3) > 0 || len(entries) == 0 {
			h := uint32(r.IntN(200))
			e := new(Entry[int])
			tb.Insert(e, h, i)
			entries[i], hashes[i] = e, h
			if oracle[h] == nil {
				oracle[h] = map[int]bool{}
			}
			oracle[h][i] = true
			continue
		}
		for v, e := range entries { // any one
			tb.Remove(e)
			tb.Remove(e) // again: nothing
			delete(oracle[hashes[v]], v)
			delete(entries, v)
			break
		}
	}
	for h := range uint32(200) {
		got := chain(&tb, h)
		if len(got) != len(oracle[h]) {
			t.Errorf("hash %d: %d values, want %d", h, len(got), len(oracle[h]))
		}
		for i, v := range got {
			if !oracle[h][v] || i > 0 && got[i-1] < v {
				t.Errorf("hash %d: %v: newest first", h, got)
				break
			}
		}
	}
	if tb.Len() != len(entries) {
		t.Errorf("length %d, want %d", tb.Len(), len(entries))
	}
}

func TestTableReadersNeedNoLock(t *testing.T) {
	var tb Table[int]
	var keep Entry[int]
	tb.Insert(&keep, 7, -1)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 2000 {
				found := false
				for n := tb.First(7); n != nil; n = n.Next() {
					found = found || n.Value == -1
				}
				if !found {
					t.Error("a reader missed an entry that was there all the time")
					return
				}
			}
		})
	}
	wg.Go(func() {
		entries := make([]Entry[int], 64)
		for i := range 4000 {
			e := &entries[i%len(entries)]
			tb.Remove(e)
			tb.Insert(e, uint32(i%13), i)
		}
	})
	wg.Wait()
}

func TestPortSets(t *testing.T) { // proc_do_large_bitmap's text
	for _, c := range []struct{ in, out string }{
		{"", ""}, {"8080", "8080"}, {"1,2,3", "1-3"}, {"30000-30005,9148\n", "9148,30000-30005"}, {"0-65535", "0-65535"},
	} {
		p, err := parsePorts(c.in)
		if err != nil {
			t.Fatal(err)
		}
		st := new(State)
		st.reserved.Store(p)
		if got := st.reservedText(); got != c.out {
			t.Errorf("%q: %q, want %q", c.in, got, c.out)
		}
	}
	for _, bad := range []string{"x", "70000", "5-3", "-1", "1-", "1;2"} {
		if _, err := parsePorts(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzPorts(f *testing.F) {
	f.Add("1,2,5-9")
	f.Add("65535,0")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePorts(text)
		if err != nil {
			return
		}
		st := new(State)
		st.reserved.Store(p)
		again, err := parsePorts(st.reservedText())
		if err != nil || *again != *p {
			t.Errorf("%q does not survive %q", text, st.reservedText())
		}
	})
}

func TestAddrRoundTrip(t *testing.T) {
	a := FromAddrPort(netip.MustParseAddrPort("10.1.2.3:4567"))
	family, b, err := ParseAddr(a.Bytes())
	if err != nil || family != 2 || a != b || a.AddrPort().String() != "10.1.2.3:4567" {
		t.Errorf("%v %v %v", a, b, err)
	}
}

func BenchmarkTableMillion(b *testing.B) {
	var tb Table[int]
	entries := make([]Entry[int], 1<<20)
	for i := range entries {
		tb.Insert(&entries[i], uint32(i)*0x9e3779b1, i)
	}
	i := uint32(0)
	for b.Loop() {
		if tb.First(i&(1<<20-1)*0x9e3779b1) == nil {
			b.Fatal(i)
		}
		i += 7919
	}
}

package shmem_test

import (
	"encoding/binary"
	"testing"

	"linen/lib/shmem"
)

func TestWordsAreTheMachines(t *testing.T) {
	m := shmem.New(12)
	m.Store(4, 0x01020304)
	if got := binary.NativeEndian.Uint32(m.Bytes()[4:]); got != 0x01020304 || m.Load(4) != got || m.Load(0) != 0 {
		t.Errorf("got %#x", got)
	}
	if o := shmem.Of(m.Bytes()); o.Load(4) != 0x01020304 || o.Len() != 12 {
		t.Error("Of gives other memory")
	}
	if shmem.New(0).Len() != 0 {
		t.Error("nothing is something")
	}
}

func TestMisuseCannotReachOtherMemory(t *testing.T) {
	m := shmem.New(8)
	for name, f := range map[string]func(){
		"past the end": func() { m.Load(8) },
		"unaligned":    func() { m.Store(2, 0) },
		"odd memory":   func() { shmem.Of(m.Bytes()[1:]) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

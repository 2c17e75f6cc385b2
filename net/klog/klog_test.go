package klog_test

import (
	"fmt"
	"testing"
	"time"

	"linen/kern"
	"linen/net/klog"
	"linen/net/netns"
)

// TestLog: it keeps the last 256 messages, and prints them as dmesg does.
func TestLog(t *testing.T) {
	clock := kern.NewManualClock()
	k := kern.New(kern.Config{Clock: clock})
	defer k.Close()
	n, err := netns.New(k, klog.Pernet())
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	begin := time.Duration(k.Now())
	clock.Advance(1500 * time.Millisecond)
	for i := range 300 {
		klog.Printf(n, klog.Info, "number %d\nand a line", i)
	}
	list := klog.Messages(n)
	if len(list) != 256 || list[0].Text != "number 44\nand a line" || list[255].Text != "number 299\nand a line" {
		t.Fatalf("%d messages, from %q", len(list), list[0].Text)
	}
	at := begin + 1500*time.Millisecond
	want := fmt.Sprintf("[%5d.%06d] number 44\n               and a line", at/time.Second, at%time.Second/time.Microsecond)
	if got := list[0].String(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWithoutLog: a namespace without a log takes messages and has none.
func TestWithoutLog(t *testing.T) {
	k := kern.New(kern.Config{Clock: kern.NewManualClock()})
	defer k.Close()
	n, err := netns.New(k)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	klog.Printf(n, klog.Warning, "x")
	if klog.Allow(n) || len(klog.Messages(n)) != 0 {
		t.Error("something was logged")
	}
}

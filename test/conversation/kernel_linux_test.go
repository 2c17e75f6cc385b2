package conversation

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"linen/test/need"
)

// release is the kernel that the scripts were written by.
const release = "6.18."

// loose is for real time on a machine that does other things too: nothing
// comes early, what is late is only late.
var loose = tolerance{early: 0.1, late: 0.5, grace: 10 * time.Millisecond, slow: 400 * time.Millisecond, settle: 20 * time.Millisecond}

// strict is for writing scripts (LINEN_STRICT=1): a quiet machine is assumed.
var strict = tolerance{early: 0.03, late: 0.03, grace: 6 * time.Millisecond, slow: 10 * time.Millisecond, settle: 50 * time.Millisecond}

// TestKernel runs every script against this machine's kernel, in real time.
func TestKernel(t *testing.T) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	if have := unix.ByteSliceToString(u.Release[:]); !strings.HasPrefix(have, release) {
		t.Skipf("the scripts tell what Linux %s* does; this is %s", release, have)
	}
	need.TunDevice(t)
	ip := need.Tool(t, "ip")
	if !need.AsRoot(t) {
		return
	}
	need.NetNS(t)
	if *record != "" {
		recordScript(t, ip)
		return
	}
	verdicts := make(map[string]chan verdict)
	slots := make(chan struct{}, atOnce)
	for name, text := range scripts(t) {
		script, result := parse(t, text), make(chan verdict, 1)
		verdicts[name] = result
		go func() {
			slots <- struct{}{}
			result <- judge(ip, script)
			<-slots
		}()
	}
	for name, result := range verdicts {
		t.Run(name, func(t *testing.T) {
			v := <-result
			for _, void := range v.void {
				t.Log(void)
			}
			switch {
			case v.err != nil && v.busy != "":
				t.Skipf("this machine is too busy to judge real time: %s, and %v", v.busy, v.err)
			case v.err != nil:
				t.Errorf("%v\n%s", v.err, v.log)
			}
		})
	}
}

// atOnce is how many scripts run at a time; they mostly sleep.
const atOnce = 8

// verdict is what became of a script.
type verdict struct {
	err  error
	log  string
	busy string   // why a failure is no failure, "" when it is one
	void []string // runs that failed while the machine was busy
}

// judge runs a script. A run that fails while this machine was busy with other
// things says nothing, and another is made; one that fails on a quiet machine
// counts.
func judge(ip string, s *Script) (v verdict) {
	for range 5 {
		v.log, v.busy, v.err = onKernel(ip, s)
		if v.err == nil || v.busy == "" {
			return v
		}
		v.void = append(v.void, "void: "+v.busy+", and "+v.err.Error())
	}
	return v
}

// onKernel runs a script once, on a thread of its own; busy says that this
// machine had no time for it.
func onKernel(ip string, s *Script) (log, busy string, err error) {
	w := startWatch()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m, failed := newReal(ip, s.MTU)
		if failed != nil {
			err = failed
			return
		}
		defer m.close()
		t := &talk{m: m, tol: loose, script: s}
		if os.Getenv("LINEN_STRICT") != "" {
			t.tol = strict
		}
		err = t.run()
		log = t.log.String()
	}()
	<-ended
	return log, w.busy(), err
}

// recordScript prints a script with what the kernel says.
func recordScript(t *testing.T, ip string) {
	text, err := os.ReadFile(*record)
	if err != nil {
		t.Fatal(err)
	}
	s := parse(t, string(text))
	for _, line := range strings.Split(string(text), "\n") {
		if word, _, _ := strings.Cut(line, " "); word == "about" || word == "sysctl" || word == "metric" || word == "mtu" {
			fmt.Println(line)
		}
	}
	var failed atomic.Pointer[string]
	done := make(chan struct{})
	go func() {
		defer close(done)
		m, err := newReal(ip, s.MTU)
		if err == nil {
			defer m.close()
			talk := &talk{m: m, tol: loose, script: s, record: os.Stdout}
			err = talk.run()
		}
		if err != nil {
			msg := err.Error()
			failed.Store(&msg)
		}
	}()
	<-done
	if msg := failed.Load(); msg != nil {
		t.Error(*msg)
	}
}

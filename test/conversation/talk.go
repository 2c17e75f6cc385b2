package conversation

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"linen/uapi"
)

var le = binary.NativeEndian

// tolerance says how exactly times are compared.
type tolerance struct {
	early, late float64       // share of the time that is asked for
	grace       time.Duration // added to both
	slow        time.Duration // added to the late side
	soon        time.Duration // added to the early side
	settle      time.Duration // how long to listen before silence is believed
}

// exact is for virtual time. Scripts write what was seen of the kernel, whose
// timer wheel counts in jiffies of 4 ms and is up to an eighth late.
var exact = tolerance{early: 0.125, late: 0.02, grace: 5 * time.Millisecond, soon: 8 * time.Millisecond}

// A talk is one run of a script.
type talk struct {
	m       machine
	tol     tolerance
	script  *Script
	sockets map[string]*held
	flows   map[int]*flow
	last    time.Duration // of the newest event
	log     strings.Builder
	cookie  []byte    // of Fast Open, the host's newest
	record  io.Writer // not nil: what the host says is written here, not compared
}

// held is a socket by its name, and how far its streams are.
type held struct {
	socket
	wrote, read uint32
	urgent      bool
}

// run lets the two talk. The error names the line; the conversation so far is in
// t.log.
func (t *talk) run() error {
	t.sockets, t.flows = make(map[string]*held), make(map[int]*flow)
	// The kernel lets a namespace of ours take this one by default, and not
	// CUBIC.
	for _, s := range append([][2]string{{"net.ipv4.tcp_congestion_control", "reno"}}, t.script.Sysctls...) {
		if err := t.m.sysctl(s[0], s[1]); err != nil {
			return err
		}
	}
	if len(t.script.Metrics) > 0 {
		if err := t.m.configure(t.script.route()); err != nil {
			return err
		}
	}
	t.last = t.m.now()
	for i := range t.script.Steps {
		st := &t.script.Steps[i]
		if t.record != nil {
			if st.Kind == Host {
				continue
			}
			if err := t.overhear(st); err != nil {
				return err
			}
		}
		if err := t.step(st); err != nil {
			return fmt.Errorf("line %d: %q: %w", st.Line, st.Text, err)
		}
	}
	if t.record != nil {
		return t.overhear(&Step{})
	}
	if err := t.quiet(t.m.now() + t.tol.settle); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	return nil
}

func (t *talk) note(format string, args ...any) {
	fmt.Fprintf(&t.log, "%10s  ", t.m.now().Round(10*time.Microsecond))
	fmt.Fprintf(&t.log, format, args...)
	t.log.WriteByte('\n')
}

func (t *talk) step(st *Step) error {
	switch st.Kind {
	case Wait:
		return t.wait(st.After)
	case Host:
		return t.hear(st)
	case Anew:
		delete(t.flows, st.Flow)
		return nil
	case Call:
		err := t.call(&st.Call)
		t.note("%s", st.Text)
		t.last = t.m.now()
		return err
	}
	f := t.flow(st.Flow)
	if st.Segment.Port != 0 {
		f.hostPort = uint16(st.Segment.Port)
	}
	var frame []byte
	var err error
	if st.Kind == ICMP {
		frame, err = f.icmp(&st.ICMP, t.m.mac())
	} else {
		frame, err = f.encode(&st.Segment, t.m.mac())
	}
	if err != nil {
		return err
	}
	t.note("%s", st.Text)
	t.m.send(frame)
	t.last = t.m.now()
	return nil
}

func (t *talk) flow(n int) *flow {
	f := t.flows[n]
	if f == nil {
		f = &flow{hostPort: hostPort, peerPort: peerPort + uint16(n), win: 65535, cookie: &t.cookie}
		t.flows[n] = f
	}
	return f
}

// wait is silence for d since the event before.
func (t *talk) wait(d time.Duration) error {
	err := t.quiet(t.last + d)
	t.last = max(t.last+d, t.m.now())
	return err
}

// quiet fails when the host says something before the time until.
func (t *talk) quiet(until time.Duration) error {
	for {
		p, at, ok := t.m.next(until)
		if !ok {
			return nil
		}
		n, s, err := t.decode(p)
		if err != nil {
			return err
		}
		if s != nil {
			return fmt.Errorf("the host says, %s after the event before: %s", at-t.last, told(n, s))
		}
	}
}

// told is a segment of the host's with its connection.
func told(n int, s *Segment) string {
	if n == 1 {
		return "host " + s.String()
	}
	return fmt.Sprintf("host.%d %s", n, s)
}

// decode finds whose segment it is; s is nil when it is none of TCP's.
func (t *talk) decode(p []byte) (n int, s *Segment, err error) {
	if len(p) < 24 || p[9] != uapi.IPPROTO_TCP || [4]byte(p[16:20]) != peerAddr.As4() {
		return 0, nil, nil
	}
	n = int(be.Uint16(p[22:])) - peerPort
	s, err = t.flow(n).decode(p)
	return n, s, err
}

// patience is how long a segment that is due at once is awaited.
const patience = 5 * time.Second

// hear compares the next segment of the host's with what it must say.
func (t *talk) hear(st *Step) error {
	for {
		p, at, ok := t.m.next(t.m.now() + st.After*2 + patience)
		if !ok {
			return fmt.Errorf("the host is silent")
		}
		n, s, err := t.decode(p)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		after := at - t.last
		t.note("%s (%s after)", told(n, s), after)
		t.last = at
		if n != st.Flow {
			return fmt.Errorf("the host says %s", told(n, s))
		}
		if d := st.Segment.differs(s); d != "" {
			return fmt.Errorf("the %s: the host says %s", d, told(n, s))
		}
		least := st.After - time.Duration(float64(st.After)*t.tol.early) - t.tol.grace - t.tol.soon
		most := st.After + time.Duration(float64(st.After)*t.tol.late) + t.tol.grace + t.tol.slow
		if after < least || after > most {
			return fmt.Errorf("it comes %s after the event before, not %s", after, st.After)
		}
		return nil
	}
}

// overhear writes down what the host says in front of a step, and the step.
func (t *talk) overhear(next *Step) error {
	until := t.m.now() + 3*time.Millisecond
	if next.Kind == Wait {
		until = t.last + next.After
		next.After = 0
	}
	for {
		p, at, ok := t.m.next(until)
		if !ok {
			break
		}
		n, s, err := t.decode(p)
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		who, what, _ := strings.Cut(told(n, s.brief()), " ")
		if d := (at - t.last).Round(time.Millisecond); d > 2*time.Millisecond {
			who += " +" + d.String()
		}
		fmt.Fprintln(t.record, who, what)
		t.last = at
	}
	if next.Kind == Wait {
		if left := (until - t.last).Round(time.Millisecond); left > 0 {
			fmt.Fprintln(t.record, "wait", left)
		}
		t.last = t.m.now()
		next.After = 0
		return nil
	}
	if next.Kind == Call && next.Call.Want != "" { // as it is, for the writer to see
		c := next.Call
		got, err := t.do(&c, t.sockets[c.Object])
		if err != nil {
			got = errorName(err)
		}
		next.Kind, t.last = Anew, t.m.now()
		if got == "" {
			got = "success"
		}
		if got != c.Want {
			fmt.Fprintf(os.Stderr, "%s, not %s: %s\n", got, c.Want, next.Text)
			next.Text = strings.TrimSuffix(next.Text, c.Want) + got
		}
	}
	fmt.Fprintln(t.record, next.Text)
	return nil
}

// counter reads a counter from the files that nstat reads.
func (t *talk) counter(name string) (int, error) {
	for _, file := range []string{"snmp", "netstat"} {
		text, err := t.m.read(file)
		if err != nil {
			return 0, err
		}
		lines := strings.Split(text, "\n")
		for i := 0; i+1 < len(lines); i += 2 {
			names, values := strings.Fields(lines[i]), strings.Fields(lines[i+1])
			if len(names) == 0 || file == "snmp" && names[0] != "Tcp:" {
				continue
			}
			for j, n := range names {
				if n == name && j < len(values) {
					return strconv.Atoi(values[j])
				}
			}
		}
	}
	return 0, fmt.Errorf("no counter %s", name)
}

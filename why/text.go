package why

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Printer writes events for people, in columns. The caller decides about
// colour: only on a terminal, and not with NO_COLOR.
type Printer struct {
	W     io.Writer
	Color bool

	width int    // of the column of nodes and devices
	last  string // the packet that was described
}

// SGR codes.
const (
	red   = "\x1b[31m"
	green = "\x1b[32m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

func (p *Printer) paint(code, s string) string {
	if !p.Color {
		return s
	}
	return code + s + plain
}

// Event writes one live event: the packet where it is a new one, then what
// happened to it, and why.
func (p *Printer) Event(e *Event) error {
	var s strings.Builder
	if e.Packet != nil {
		head := "#" + strconv.FormatUint(e.ID, 10)
		if e.ID == 0 { // it has no number: it is still to be made
			head = "   " + e.Packet.Text
		}
		if head != p.last {
			p.last = head
			if e.ID != 0 {
				head += " " + e.Packet.Text
			}
			s.WriteString(head + "\n")
		}
	}
	where := e.Node
	if e.Device != "" {
		where += ":" + e.Device
	}
	p.width = max(p.width, len(where))
	at := p.paint(dim, e.Time.Format("15:04:05.000000"))
	p.body(&s, "  "+at+"  "+fmt.Sprintf("%-*s  ", p.width, where), 2+15+2+p.width+2, e)
	_, err := io.WriteString(p.W, s.String())
	return err
}

// body writes what an event says behind head; further lines are indented.
func (p *Printer) body(s *strings.Builder, head string, indent int, e *Event) {
	pad := strings.Repeat(" ", indent)
	switch e.Kind {
	case KindDrop, KindRefuse:
		word := map[Kind]string{KindDrop: "DROP", KindRefuse: "REFUSED"}[e.Kind]
		fmt.Fprintf(s, "%s%s %s\n", head, p.paint(red, word+" "+e.Reason), e.Explain)
		for _, l := range [...][2]string{{"because", e.By}, {"set by", e.SetBy}, {"answer", e.Answer}, {"change", e.Change}} {
			if l[1] != "" {
				fmt.Fprintf(s, "%s  %-8s %s\n", pad, l[0]+":", l[1])
			}
		}
		return
	case KindArrive, KindLeave:
		fmt.Fprintf(s, "%s%s %s\n", head, p.paint(green, strings.ToUpper(e.Verdict)), e.By)
	default:
		line := fmt.Sprintf("%s%-10s %-15s %s", head, e.Point, e.Verdict, e.By)
		s.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if e.SetBy != "" {
		fmt.Fprintf(s, "%s  set by: %s\n", pad, e.SetBy)
	}
}

// Report writes a dry run: the packet, then each node with its steps.
func (p *Printer) Report(r *Report) error {
	var s strings.Builder
	fmt.Fprintf(&s, "%s: %s\n", r.From, r.Flow)
	node := ""
	for i := range r.Steps {
		e := &r.Steps[i]
		if e.Node != node {
			node = e.Node
			s.WriteString(node + "\n")
		}
		p.width = max(p.width, 5, len(e.Device))
		p.body(&s, fmt.Sprintf("  %-*s ", p.width, e.Device), 3+p.width, e)
	}
	_, err := io.WriteString(p.W, s.String())
	return err
}

// String describes the packet: "udp 10.1.0.2:1 > 10.2.0.2:53, 84 bytes".
func (f Flow) String() string {
	src := "?"
	if f.Src.IsValid() {
		src = f.Src.String()
	}
	dst := f.Dst.String()
	if f.SPort|f.DPort != 0 {
		src, dst = fmt.Sprintf("%s:%d", src, f.SPort), fmt.Sprintf("%s:%d", dst, f.DPort)
	}
	s := src + " > " + dst
	if f.Proto != 0 {
		s = protoText(f.Proto) + " " + s
	}
	size := f.Size
	if size == 0 {
		size = defaultSize
	}
	s += fmt.Sprintf(", %d bytes", size)
	if f.DF {
		s += ", DF"
	}
	if f.IIF != "" {
		s += ", received by " + f.IIF
	}
	return s
}

// WriteJSON writes an event, or a report, as one line of JSON.
func WriteJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"linen/drivers/host/pcap"
	"linen/lab"
	"linen/lab/engine"
	"linen/why"
)

// pathCapture is a stream of pcapng: POST a captureRequest and keep the body
// open; its end asks for the capture's.
const pathCapture = "/v1/capture"

// captureRequest says what to capture.
type captureRequest struct {
	Interfaces []string `json:"interfaces"`        // NODE:INTERFACE, or NODE for all of a node's
	Why        bool     `json:"why,omitempty"`     // the nodes' drops too
	Filter     string   `json:"filter,omitempty"`  // as why.ParseFilter reads it
	SnapLen    int      `json:"snaplen,omitempty"` // 0: whole packets
	Count      uint64   `json:"count,omitempty"`   // 0: no end
}

// capture serves pathCapture.
func (s *service) capture(w http.ResponseWriter, r *http.Request) {
	flush := http.NewResponseController(w)
	_ = flush.EnableFullDuplex() // HTTP/1 can, and the daemon speaks no other
	body := bufio.NewReader(r.Body)
	rec, err := s.record(&flushing{w, flush}, body)
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(&lab.APIError{Message: err.Error()}) // a client that went away needs no reply
		return
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = io.Copy(io.Discard, body) // its end, whatever it is, is the sign
	}()
	select {
	case <-asked:
	case <-rec.Done():
	case <-s.e.Done():
	case <-r.Context().Done():
	}
	_ = rec.Close() // the client sees a stream that breaks off
}

// record reads a request and begins what it asks for.
func (s *service) record(w io.Writer, body *bufio.Reader) (*pcap.Recorder, error) {
	line, err := body.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	var ask captureRequest
	if err := json.Unmarshal(line, &ask); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	filter, err := why.ParseFilter(ask.Filter)
	if err != nil {
		return nil, err
	}
	at, err := s.places(ask)
	if err != nil {
		return nil, err
	}
	cfg := pcap.Config{SnapLen: ask.SnapLen, Limit: ask.Count, App: "linen capture"}
	return s.e.Capture(w, cfg, func(sources []pcap.Source) func(*pcap.Frame) bool {
		if ask.Filter == "" {
			return nil
		}
		return func(f *pcap.Frame) bool { return filter.Match(captured(sources, f)) }
	}, at...)
}

// captured is a frame as a filter of package why sees it.
func captured(sources []pcap.Source, f *pcap.Frame) *why.Event {
	p := why.Dissect(f.Proto, f.Packet, f.Len)
	node, device, _ := strings.Cut(sources[f.Source].Name, ":")
	e := &why.Event{Node: node, Device: device, Kind: why.KindStep, Packet: &p}
	if f.Dropped {
		e.Kind, e.Device, e.Reason = why.KindDrop, "", f.Reason.String()
	}
	return e
}

// places resolves the words of a request.
func (s *service) places(ask captureRequest) ([]engine.CaptureAt, error) {
	var at []engine.CaptureAt
	var nodes []string
	for _, word := range ask.Interfaces {
		name, ifname, _ := strings.Cut(word, ":")
		node, err := lab.ResolveNode(s.topo, name)
		if err != nil {
			return nil, err
		}
		at = append(at, engine.CaptureAt{Node: node, Interface: ifname})
		nodes = append(nodes, node)
	}
	if !ask.Why {
		return at, nil
	}
	seen := map[string]bool{}
	for _, node := range nodes {
		if !seen[node] {
			seen[node] = true
			at = append(at, engine.CaptureAt{Node: node, Drops: true})
		}
	}
	return at, nil
}

// flushing sends each write on at once: one is one block of the capture.
type flushing struct {
	io.Writer
	c *http.ResponseController
}

func (f *flushing) Write(p []byte) (int, error) {
	n, err := f.Writer.Write(p)
	if err != nil {
		return n, err
	}
	return n, f.c.Flush()
}

func newCapture() *cobra.Command {
	var which running
	var ask captureRequest
	var file string
	cmd := &cobra.Command{
		Use:   "capture NODE[:INTERFACE]... [-w FILE]",
		Short: "Record packets as pcapng, for Wireshark, tshark and tcpdump -r",
		Long: `Record what interfaces receive and send, as pcapng, until Ctrl-C. With --why
an interface NODE:drops holds what the node dropped, each packet with the reason
as its comment. The filter is that of linen why: host, port, tcp, udp, icmp,
arp, src, dst, node, dev, and, or, not.`,
		Example: "  linen capture r1:eth1 -w r1.pcapng\n  linen capture r1 --why | tshark -r -\n  linen capture r1:eth1 h1:eth1 -f 'icmp and host 10.2.0.2' -w -",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask.Interfaces = args
			out, err := captureFile(file)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
			defer stop()
			_, c, err := which.dial()
			if err == nil {
				defer c.Close()
				err = capture(ctx, c, ask, out, func() { fmt.Fprintln(os.Stderr, "capturing on "+strings.Join(args, " ")) })
			}
			return errors.Join(err, out.Close())
		},
		ValidArgsFunction: which.completeInterface,
	}
	cmd.Flags().StringVarP(&file, "write", "w", "", "the `FILE` to write, - for standard output")
	cmd.Flags().BoolVar(&ask.Why, "why", false, "what the nodes drop too, with the reasons")
	cmd.Flags().StringVarP(&ask.Filter, "filter", "f", "", "record only what the `FILTER` takes")
	cmd.Flags().IntVarP(&ask.SnapLen, "snaplen", "s", 0, "keep at most this many `BYTES` of each packet; 0: all")
	cmd.Flags().Uint64VarP(&ask.Count, "count", "c", 0, "end after this many packets")
	which.flags(cmd)
	return cmd
}

// captureFile opens what -w names; a terminal is no place for pcapng.
func captureFile(name string) (*os.File, error) {
	switch {
	case name == "" && term.IsTerminal(int(os.Stdout.Fd())):
		return nil, usageError{errors.New("a capture is no text: -w FILE, or a pipe into tshark -r -")}
	case name == "" || name == "-":
		return os.Stdout, nil
	}
	return os.Create(name)
}

// capture copies the stream of a capture to out until the daemon ends it; when
// ctx is done it asks for that. ready is called when the capture runs.
func capture(ctx context.Context, c *lab.Client, ask captureRequest, out io.Writer, ready func()) error {
	line, err := json.Marshal(ask)
	if err != nil {
		return err
	}
	open, end := io.Pipe()
	defer end.Close()
	stop := context.AfterFunc(ctx, func() { end.Close() })
	defer stop()
	body := io.MultiReader(strings.NewReader(string(line)+"\n"), open)
	stream, err := c.Stream(context.WithoutCancel(ctx), pathCapture, body)
	if err != nil {
		return err
	}
	defer stream.Close()
	ready()
	_, err = io.Copy(out, stream)
	if errors.Is(err, unix.EPIPE) { // whoever read has seen enough
		return nil
	}
	return err
}

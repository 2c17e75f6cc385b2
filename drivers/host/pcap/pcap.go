// Package pcap records what devices receive and send, and what their
// namespaces drop, as pcapng, and plays captures back.
//
// A [Recorder] costs the data path a copy: a goroutine of its own writes. What
// it cannot keep up with is not recorded, and the next packet's epb_dropcount
// says how much that was.
//
// Linux files: net/packet/af_packet.c is the nearest. Source of the format:
// draft-ietf-opsawg-pcapng (lib/pcapng). Not done: ring files, time stamps of
// hardware; a replay does not keep the capture's pace.
package pcap

import (
	"errors"
	"io"
	"sync"

	"linen/kern"
	"linen/lib/ktime"
	"linen/lib/pcapng"
	"linen/net/dev"
	"linen/net/netns"
	"linen/net/skb"
	"linen/uapi"
)

// A Source is a place to record at.
type Source struct {
	// Name is the interface's name in the capture, such as "r1:eth0".
	Name string
	// Dev is the device; nil records every packet that Net drops, with the
	// reason as its comment.
	Dev *dev.Device
	Net *netns.Net
}

// Config says what a Recorder records. The zero value is everything.
type Config struct {
	SnapLen int                     // bytes of each packet that are kept; 0: all
	Names   []pcapng.Name           // addresses' names, for the name resolution block
	App     string                  // the section's application; "": linen
	Filter  func(frame *Frame) bool // whether to record; runs on the Recorder's goroutine
	Limit   uint64                  // packets after which the Recorder ends by itself; 0: none
}

// A Frame is a packet as a Filter sees it.
type Frame struct {
	Source  int    // which of the Recorder's sources
	Proto   uint16 // EtherType
	Packet  []byte // from the network header on
	Len     int    // of it on the wire
	Dropped bool   // for Reason
	Reason  skb.Reason
}

// maxQueue bounds the bytes that wait to be written.
const maxQueue = 4 << 20

// record is one packet in a Recorder's queue.
type record struct {
	source    int
	at        ktime.T
	start     int // in the bytes of the queue
	end       int
	size      int // on the wire
	network   int // where the network header is, behind start
	direction pcapng.Direction
	proto     uint16
	drop      bool
	reason    skb.Reason
}

// queue is what the CPUs have seen and the writer has not.
type queue struct {
	records []record
	bytes   []byte
	lost    []uint64 // by source, since the last swap
}

// A Recorder writes one capture.
type Recorder struct {
	cfg     Config
	sources []Source
	kernel  *kern.Kernel
	out     *pcapng.Writer
	stop    []func()
	done    chan struct{}
	stats   []pcapng.Stats // the writer's, as taken
	taken   uint64

	mu     sync.Mutex // guards what follows
	in     *queue
	wake   *kern.Waiter
	closed bool
	err    error
}

// NewRecorder starts to record at sources, which are of one Kernel, into w.
// The file's beginning is written before it returns. The caller is on no CPU.
func NewRecorder(w io.Writer, cfg Config, sources ...Source) (*Recorder, error) {
	k := sources[0].Net.Kernel()
	r := &Recorder{cfg: cfg, sources: sources, kernel: k, done: make(chan struct{}), wake: k.Waiter(),
		stats: make([]pcapng.Stats, len(sources)), in: newQueue(len(sources))}
	for i, s := range sources { // first: who reads the beginning of w may rely on it
		if s.Dev == nil {
			r.stop = append(r.stop, skb.Observe(s.Net, &sink{r, i}))
			continue
		}
		r.stop = append(r.stop, dev.AddTap(s.Net, s.Dev, &dev.PacketType{
			Proto: uapi.ETH_P_ALL, Name: "packet_rcv", Hide: true,
			Recv: func(c *kern.CPU, b *skb.Buff, _, _ *dev.Device) { r.frame(c, i, b) },
		}))
	}
	if err := r.begin(w); err != nil {
		r.fail(err)
		close(r.done)
		return nil, r.Close()
	}
	go r.write()
	return r, nil
}

func newQueue(sources int) *queue { return &queue{lost: make([]uint64, sources)} }

// begin writes the section, its interfaces and the names.
func (r *Recorder) begin(w io.Writer) error {
	app := r.cfg.App
	if app == "" {
		app = "linen"
	}
	var err error
	if r.out, err = pcapng.NewWriter(w, pcapng.Section{OS: "linen", App: app}); err != nil {
		return err
	}
	now := r.kernel.Wall(r.kernel.Now()).UnixNano()
	for i, s := range r.sources {
		face := pcapng.Interface{Name: s.Name, LinkType: pcapng.LinkSLL2, Description: "packets that are dropped", SnapLen: uint32(r.cfg.SnapLen)}
		if s.Dev != nil {
			face.Description, face.LinkType = "", linkType(s.Dev)
			face.MAC = s.Dev.Addr()
		}
		if _, err := r.out.AddInterface(face); err != nil {
			return err
		}
		r.stats[i].Start = now
	}
	if len(r.cfg.Names) == 0 {
		return nil
	}
	return r.out.WriteNames(r.cfg.Names)
}

func linkType(d *dev.Device) uint16 {
	switch d.Type {
	case uapi.ARPHRD_ETHER, uapi.ARPHRD_LOOPBACK:
		return pcapng.LinkEthernet
	}
	return pcapng.LinkRaw
}

// frame takes a tap's packet, which it owns.
func (r *Recorder) frame(c *kern.CPU, source int, b *skb.Buff) {
	rec := record{source: source, at: c.Now(), direction: pcapng.Inbound, proto: b.Protocol}
	if b.PktType == skb.PacketOutgoing {
		rec.direction = pcapng.Outbound
		rec.network = r.sources[source].Dev.HardHeaderLen
	} else if off, ok := b.MacOff(); ok && b.PushToMac() {
		rec.network = -off
	}
	b.CompleteCsum()
	r.add(c, rec, b, nil)
	b.Consume(c)
}

// add copies a packet, behind the bytes of head, into the queue.
func (r *Recorder) add(c *kern.CPU, rec record, b *skb.Buff, head []byte) {
	keep := b.Len()
	if r.cfg.SnapLen > 0 {
		keep = min(keep, r.cfg.SnapLen)
	}
	r.mu.Lock()
	q := r.in
	if r.closed || len(q.bytes)+len(head)+keep > maxQueue {
		q.lost[rec.source]++
		r.mu.Unlock()
		return
	}
	rec.start, rec.size = len(q.bytes), len(head)+b.Len()
	q.bytes = append(q.bytes, head...)
	at := len(q.bytes)
	q.bytes = append(q.bytes, make([]byte, keep)...)
	b.CopyOut(0, q.bytes[at:])
	rec.end = len(q.bytes)
	q.records = append(q.records, rec)
	first := len(q.records) == 1
	r.mu.Unlock()
	if first {
		c.Wake(r.wake)
	}
}

// write is the goroutine that writes the file.
func (r *Recorder) write() {
	defer close(r.done)
	q, lost := newQueue(len(r.sources)), make([]uint64, len(r.sources))
	for {
		r.mu.Lock()
		if len(r.in.records) == 0 {
			closed := r.closed
			r.mu.Unlock()
			if closed {
				r.fail(r.end())
				return
			}
			r.wake.Wait()
			continue
		}
		q, r.in = r.in, q
		r.mu.Unlock()
		for i, n := range q.lost {
			lost[i] += n
			r.stats[i].Dropped += n
		}
		switch err := r.flush(q, lost); {
		case errors.Is(err, errLimit):
			r.fail(r.end())
			return
		case err != nil:
			r.fail(err)
			return
		}
		q.records, q.bytes = q.records[:0], q.bytes[:0]
		clear(q.lost)
	}
}

// flush writes a queue; lost are the losses that no packet has told yet.
func (r *Recorder) flush(q *queue, lost []uint64) error {
	for _, rec := range q.records {
		data := q.bytes[rec.start:rec.end]
		st := &r.stats[rec.source]
		st.Received++
		if f := r.cfg.Filter; f != nil && !f(rec.view(data)) {
			continue
		}
		st.Taken++
		p := pcapng.Packet{Interface: rec.source, Time: r.kernel.Wall(rec.at).UnixNano(), Data: data, OrigLen: rec.size,
			Flags: uint32(rec.direction), Drops: lost[rec.source]}
		lost[rec.source] = 0
		if rec.drop {
			p.Comments = []string{rec.reason.String() + ": " + rec.reason.Explain()}
		}
		if err := r.out.WritePacket(p); err != nil {
			return err
		}
		if r.taken++; r.taken == r.cfg.Limit {
			return errLimit
		}
	}
	return nil
}

// view is the record as a Filter sees it.
func (rec *record) view(data []byte) *Frame {
	return &Frame{Source: rec.source, Proto: rec.proto, Packet: data[min(max(rec.network, 0), len(data)):],
		Len: rec.size - rec.network, Dropped: rec.drop, Reason: rec.reason}
}

// errLimit ends a Recorder that has what was asked for.
var errLimit = errors.New("pcap: enough")

// end writes the statistics.
func (r *Recorder) end() error {
	now := r.kernel.Wall(r.kernel.Now()).UnixNano()
	for i := range r.sources {
		st := r.stats[i]
		st.Time, st.End = now, now
		if err := r.out.WriteStats(i, st); err != nil {
			return err
		}
	}
	return nil
}

func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.err == nil {
		r.err = err
	}
}

// Done is closed when the Recorder has ended: by Close, or because its file
// could not be written.
func (r *Recorder) Done() <-chan struct{} { return r.done }

// Close stops recording, writes what is left and the statistics, and returns
// the first error of writing. It may be called again. The caller is on no CPU.
func (r *Recorder) Close() error {
	r.mu.Lock()
	stop := r.stop
	r.stop = nil
	r.mu.Unlock()
	for _, f := range stop {
		f()
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.wake.Wake()
	<-r.done
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

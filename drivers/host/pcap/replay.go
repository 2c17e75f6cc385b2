package pcap

import (
	"context"
	"errors"
	"io"

	"linen/kern"
	"linen/lib/pcapng"
	"linen/net/dev"
	"linen/net/ethernet"
	"linen/net/skb"
)

// replayBatch is how many frames enter the stack at one go.
const replayBatch = 64

// Replay makes d, an Ethernet device, receive the Ethernet frames of a capture
// (pcapng or pcap), as fast as the stack takes them, and returns how many. The
// caller is on no CPU.
func Replay(ctx context.Context, d *dev.Device, from io.Reader) (frames int, err error) {
	r, err := pcapng.NewReader(from)
	if err != nil {
		return 0, err
	}
	batch := make([][]byte, 0, replayBatch)
	for err == nil && ctx.Err() == nil {
		batch = batch[:0]
		for len(batch) < replayBatch && err == nil {
			var p pcapng.Packet
			if p, err = r.Next(); err == nil && isEthernet(r, p) {
				batch = append(batch, p.Data)
			}
		}
		inject(d, batch)
		frames += len(batch)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return frames, errors.Join(err, ctx.Err())
}

// isEthernet reports whether p is a frame, and all of it.
func isEthernet(r *pcapng.Reader, p pcapng.Packet) bool {
	faces := r.Interfaces()
	return p.Interface < len(faces) && faces[p.Interface].LinkType == pcapng.LinkEthernet &&
		(p.OrigLen == 0 || p.OrigLen == len(p.Data))
}

// inject makes d receive frames.
func inject(d *dev.Device, frames [][]byte) {
	c := d.Kernel().Enter(kern.Any)
	for _, f := range frames {
		if b := skb.From(c, f); ethernet.TypeTrans(c, b, d) && dev.Rx(c, d, b) {
			d.CountRx(c, len(f))
		}
	}
	c.Exit()
}

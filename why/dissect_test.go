package why

import (
	"bytes"
	"encoding/hex"
	"os/exec"
	"strings"
	"testing"

	"linen/lib/pcapng"
	"linen/uapi"
)

// frames are packets without link header and what they are.
var frames = []struct {
	proto uint16
	hex   string
	text  string
}{
	{uapi.ETH_P_IP, "45000054000040004001" + "26a7" + "0a0000010a000002" + "0800f7ff00010001" + strings.Repeat("00", 56),
		"IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64"},
	{uapi.ETH_P_IP, "4500002100010000401166c9" + "0a0000010a000002" + "04d2e000000d0000" + "68656c6c6f",
		"IP 10.0.0.1.1234 > 10.0.0.2.57344: UDP, length 5"},
	{uapi.ETH_P_IP, "4500002800010000400666cd" + "0a0000010a000002" + "04d2e0000000000100000000500220000000" + "0000",
		"IP 10.0.0.1.1234 > 10.0.0.2.57344: Flags [S], seq 1, win 8192, length 0"},
	{uapi.ETH_P_IP, "4500003800010000400166c1" + "0a0000020a000001" + "0303000000000000" +
		"4500002100010000401166c9" + "0a0000010a000002" + "04d2e000000d0000",
		"IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 udp port 57344 unreachable, length 36"},
	{uapi.ETH_P_IP, "4500003800010000400166c1" + "0a0000020a000001" + "0304000000000578" +
		"4500002100010000401166c9" + "0a0000010a000002" + "04d2e000000d0000",
		"IP 10.0.0.2 > 10.0.0.1: ICMP 10.0.0.2 unreachable - need to frag (mtu 1400), length 36"},
	{uapi.ETH_P_IP, "4500003800010000400166c1" + "0a0000020a000001" + "0b00000000000000" +
		"4500002100010000401166c9" + "0a0000010a000002" + "04d2e000000d0000",
		"IP 10.0.0.2 > 10.0.0.1: ICMP time exceeded in-transit, length 36"},
	{uapi.ETH_P_ARP, "0001080006040001" + "020000000001" + "0a000001" + "000000000000" + "0a000002",
		"ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"},
	{uapi.ETH_P_ARP, "0001080006040002" + "020000000002" + "0a000002" + "020000000001" + "0a000001",
		"ARP, Reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28"},
	{uapi.ETH_P_IP, "45", "IP [|ip]"},
	{0x88cc, "0207", "ethertype 0x88cc, length 2"},
}

func TestDissect(t *testing.T) {
	for _, tt := range frames {
		p, err := hex.DecodeString(tt.hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := Dissect(tt.proto, p, len(p)); got.Text != tt.text {
			t.Errorf("got  %s\nwant %s", got.Text, tt.text)
		}
	}
}

// TestDissectAsTcpdump compares with tcpdump -n, where it is installed. TCP
// options and the check of a checksum are not shown here.
func TestDissectAsTcpdump(t *testing.T) {
	tcpdump, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("tcpdump is not installed")
	}
	for _, tt := range frames[:8] {
		p, _ := hex.DecodeString(tt.hex)
		frame := append(bytes.Repeat([]byte{2}, 12), byte(tt.proto>>8), byte(tt.proto))
		var file bytes.Buffer
		w, err := pcapng.NewWriter(&file, pcapng.Section{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AddInterface(pcapng.Interface{LinkType: 1}); err != nil {
			t.Fatal(err)
		}
		frame = append(frame, p...)
		if err := w.WritePacket(pcapng.Packet{Data: frame, OrigLen: len(frame)}); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(tcpdump, "-n", "-t", "-r", "-")
		cmd.Stdin = &file
		out, err := cmd.Output()
		if err != nil {
			t.Skipf("tcpdump does not run here: %v", err)
		}
		if got := strings.TrimSpace(string(out)); got != tt.text {
			t.Errorf("linen   %s\ntcpdump %s", tt.text, got)
		}
	}
}

func FuzzDissect(f *testing.F) {
	for _, tt := range frames {
		p, _ := hex.DecodeString(tt.hex)
		f.Add(tt.proto, p)
	}
	f.Fuzz(func(t *testing.T, proto uint16, p []byte) {
		if d := Dissect(proto, p, len(p)); d.Text == "" || d.Proto == "" {
			t.Fatalf("nothing said of %x", p)
		}
	})
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"linen/lab"
)

// extcap is what Wireshark asks of a capture program
// (https://www.wireshark.org/docs/man-pages/extcap.html).
type extcap struct {
	interfaces, dlts, config, capture bool
	iface, fifo, filter, option       string
	version                           string
	ask                               captureRequest
}

func newExtcap() *cobra.Command {
	var x extcap
	cmd := &cobra.Command{
		Use:   "extcap",
		Short: "Be a capture program of Wireshark's: labs' interfaces in its list",
		Long: `Answer the questions of Wireshark and tshark about capture interfaces. A link to
linen in Wireshark's extcap folder (Help, About Wireshark, Folders, Extcap path) is enough:

  ln -s "$(command -v linen)" "$(tshark -G folders | sed -n 's/^Extcap path:[[:space:]]*//p')"`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return x.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.BoolVar(&x.interfaces, "extcap-interfaces", false, "list the interfaces of the labs that are up")
	f.BoolVar(&x.dlts, "extcap-dlts", false, "list the link types of an interface")
	f.BoolVar(&x.config, "extcap-config", false, "list the settings of an interface")
	f.BoolVar(&x.capture, "capture", false, "capture")
	f.StringVar(&x.iface, "extcap-interface", "", "the interface (`LAB:NODE:INTERFACE`)")
	f.StringVar(&x.fifo, "fifo", "", "the `FILE` to write the capture to")
	f.StringVar(&x.filter, "extcap-capture-filter", "", "the capture `FILTER`")
	f.StringVar(&x.version, "extcap-version", "", "Wireshark's version")
	f.StringVar(&x.option, "extcap-reload-option", "", "not used")
	f.BoolVar(&x.ask.Why, "why", false, "what the node drops too, with the reasons")
	f.StringVar(&x.ask.Filter, "filter", "", "record only what the `FILTER` takes")
	return cmd
}

func (x *extcap) run(ctx context.Context, out io.Writer) error {
	switch {
	case x.interfaces:
		fmt.Fprintf(out, "extcap {version=%s}{help=https://www.wireshark.org/docs/man-pages/extcap.html}\n", thisVersion().Version)
		for _, i := range extcapInterfaces(ctx) {
			fmt.Fprintf(out, "interface {value=%s}{display=linen %s}\n", i, i)
		}
		return nil
	case x.dlts:
		fmt.Fprintln(out, "dlt {number=1}{name=EN10MB}{display=Ethernet}")
		return nil
	case x.config:
		fmt.Fprintln(out, "arg {number=0}{call=--why}{display=What the node drops too}{tooltip=An interface NODE:drops, with the reasons as comments}{type=boolflag}{default=false}")
		fmt.Fprintln(out, "arg {number=1}{call=--filter}{display=Filter}{tooltip=host, port, tcp, udp, icmp, arp, src, dst, and, or, not}{type=string}{required=false}")
		return nil
	case x.capture:
		return x.record(ctx)
	}
	return usageError{errors.New("an option of Wireshark's is missing, such as --extcap-interfaces")}
}

// extcapWait bounds what a lab that does not answer costs Wireshark's start.
const extcapWait = 5 * time.Second

// extcapInterfaces are the interfaces of all labs, as LAB:NODE:INTERFACE.
func extcapInterfaces(ctx context.Context) []string {
	labs, err := state().Labs()
	if err != nil {
		return nil
	}
	var list []string
	for _, d := range labs {
		ctx, cancel := context.WithTimeout(ctx, extcapWait)
		c, err := lab.Dial(d)
		if err == nil {
			var info lab.Info
			if c.Call(ctx, lab.PathInfo, nil, &info) == nil {
				list = append(list, interfacesOf(d.Name, info)...)
			}
			c.Close()
		}
		cancel()
	}
	slices.Sort(list)
	return list
}

func interfacesOf(name string, info lab.Info) (list []string) {
	for _, n := range info.Nodes {
		for _, i := range n.Interfaces {
			list = append(list, name+":"+n.Name+":"+i.Name)
		}
	}
	return list
}

// record captures into Wireshark's pipe until it goes away or ends us.
func (x *extcap) record(ctx context.Context) error {
	labName, at, ok := strings.Cut(x.iface, ":")
	if !ok || x.fifo == "" {
		return usageError{errors.New("--capture needs --extcap-interface LAB:NODE:INTERFACE and --fifo FILE")}
	}
	x.ask.Interfaces = []string{at}
	if x.filter != "" && x.ask.Filter != "" {
		x.ask.Filter = "(" + x.ask.Filter + ") and (" + x.filter + ")"
	} else if x.filter != "" {
		x.ask.Filter = x.filter
	}
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	out, err := os.OpenFile(x.fifo, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	which := running{sel: lab.Selection{Lab: labName}}
	_, c, err := which.dial()
	if err == nil {
		defer c.Close()
		err = capture(ctx, c, x.ask, out, func() {})
	}
	return errors.Join(err, out.Close())
}

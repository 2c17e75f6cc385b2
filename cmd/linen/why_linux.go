package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"linen/why"
)

func newWhy() *cobra.Command {
	var which running
	var output string
	var all bool
	cmd := &cobra.Command{
		Use:   "why NODE [FILTER | DST | tcp|udp|icmp SRC DST]",
		Short: "Say what happens to packets and why: live, or for one that is not sent",
		Long: `With a destination, walk the way of a packet that is not sent: every rule, route, neighbour
and setting that would decide about it, from node to node, to where it arrives or why it ends.

  linen why h1 10.2.0.2
  linen why r1 10.2.0.2 from 10.1.0.2 iif eth1
  linen why h1 tcp 10.1.0.2:1234 10.2.0.2:80

Without one, show what happens in the node from now on until Ctrl-C: decisions and drops,
each with its reason. A filter chooses.

  linen why r1
  linen why r1 drops and host 10.1.0.2
  linen why --all reason NEIGH_FAILED`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, ok, err := why.ParseQuery(args)
			switch {
			case err != nil:
				return usageError{err}
			case ok && !all:
				return which.dryRun(cmd, args, output)
			case len(args) == 0 && !all:
				return usageError{errors.New("name a node: linen why r1")}
			}
			node := ""
			if !all {
				node, args = args[0], args[1:]
			}
			return which.watch(cmd.Context(), cmd.OutOrStdout(), node, strings.Join(args, " "), output == "json")
		},
		ValidArgsFunction: which.completeNode(1),
	}
	cmd.Flags().BoolVarP(&all, "all", "a", false, "what happens in every node")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "output `FORMAT`: text, json")
	which.flags(cmd)
	return cmd
}

// printer writes events for people; in colour on a terminal that wants it.
func printer(w io.Writer) *why.Printer {
	return &why.Printer{W: w, Color: os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(os.Stdout.Fd()))}
}

// dryRun asks about one packet.
func (r *running) dryRun(cmd *cobra.Command, words []string, output string) error {
	_, c, err := r.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	var report why.Report
	if err := c.Call(cmd.Context(), pathWhy, whyRequest{words}, &report); err != nil {
		return err
	}
	if output == "json" {
		return why.WriteJSON(cmd.OutOrStdout(), report)
	}
	return printer(cmd.OutOrStdout()).Report(&report)
}

// watch shows events until it is interrupted.
func (r *running) watch(ctx context.Context, w io.Writer, node, filter string, asJSON bool) error {
	if _, err := why.ParseFilter(filter); err != nil {
		return usageError{err}
	}
	_, c, err := r.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := signal.NotifyContext(ctx, unix.SIGINT, unix.SIGTERM)
	defer stop()
	body, err := c.Stream(ctx, pathWhyLive, whyRequest{[]string{node, filter}})
	if err != nil {
		return err
	}
	defer body.Close()
	return show(ctx, json.NewDecoder(body), printer(w), w, asJSON)
}

func show(ctx context.Context, dec *json.Decoder, p *why.Printer, w io.Writer, asJSON bool) error {
	for {
		var e why.Event
		err := dec.Decode(&e)
		switch {
		case ctx.Err() != nil || errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case asJSON:
			err = why.WriteJSON(w, e)
		default:
			err = p.Event(&e)
		}
		if err != nil {
			return err
		}
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"linen/lab"
)

// followPause is how long `logs -f` waits before it looks for more.
const followPause = 100 * time.Millisecond

func newLogs() *cobra.Command {
	var which running
	var number int
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs NODE",
		Short: "Print what a node's commands and background programs wrote",
		Long: `Print what a node's commands and background programs wrote: log 0 holds the commands of the
topology file, the others one program each (its cmd, its image's daemons, 'linen exec -d').`,
		Example: "  linen logs r1\n  linen logs r1 -n 1 -f",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, info, err := which.info(cmd.Context())
			if err != nil {
				return err
			}
			nodes, err := resolve(info, args)
			if err != nil {
				return err
			}
			numbers := logNumbers(info, nodes[0])
			if cmd.Flags().Changed("number") {
				numbers = []int{number}
			}
			for i, n := range numbers {
				if len(numbers) > 1 {
					fmt.Fprintf(cmd.OutOrStdout(), "==> %d: %s\n", n, logTitle(info, nodes[0], n))
				}
				last := follow && i == len(numbers)-1
				if err := printLog(cmd.Context(), cmd.OutOrStdout(), d, nodes[0], n, last); err != nil {
					return err
				}
			}
			return nil
		},
		ValidArgsFunction: which.completeNode(1),
	}
	which.flags(cmd)
	cmd.Flags().IntVarP(&number, "number", "n", 0, "only `LOG` of the node")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the lab ends: the last log, or the one that -n names")
	return cmd
}

// logNumbers lists a node's logs.
func logNumbers(info lab.Info, node string) []int {
	list := []int{0}
	for _, j := range jobsOf(info, node) {
		list = append(list, j.Log)
	}
	return list
}

func jobsOf(info lab.Info, node string) []lab.Job {
	for _, n := range info.Nodes {
		if n.Name == node {
			return n.Jobs
		}
	}
	return nil
}

// logTitle says whose log it is.
func logTitle(info lab.Info, node string, number int) string {
	for _, j := range jobsOf(info, node) {
		if j.Log != number {
			continue
		}
		if j.State == "ended" {
			return fmt.Sprintf("%s (ended with status %d)", j.Command, j.Status)
		}
		return fmt.Sprintf("%s (pid %d)", j.Command, j.PID)
	}
	return "commands of the topology file"
}

// printLog copies a log, and what is added to it until the lab ends when follow is asked for.
func printLog(ctx context.Context, w io.Writer, d *lab.Dir, node string, number int, follow bool) error {
	f, err := os.Open(d.Log(node, number))
	if errors.Is(err, fs.ErrNotExist) {
		if number == 0 && !follow { // the file gives this node no command
			return nil
		}
		return fmt.Errorf("node %s has no log %d", node, number)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err = io.Copy(w, f); err != nil || !follow {
		return err
	}
	tick := time.NewTicker(followPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		_, gone := os.Stat(f.Name()) // asked first: what was written before the end is printed
		if _, err := io.Copy(w, f); err != nil || gone != nil {
			return err
		}
	}
}

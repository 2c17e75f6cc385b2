package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// pathDmesg serves the kernel log of a node.
const pathDmesg = "/v1/dmesg" // POST dmesgRequest: []string

// dmesgRequest names the node whose log is wanted.
type dmesgRequest struct {
	Node string `json:"node"`
}

func newDmesg() *cobra.Command {
	var which running
	cmd := &cobra.Command{
		Use:   "dmesg NODE",
		Short: "Print a node's kernel log",
		Long: `Print a node's kernel log: the last 256 messages of its network stack, such as what log_martians
asks for, with the texts that dmesg(1) shows on Linux. The times are seconds since the lab began.`,
		Example: "  linen dmesg r1",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, info, err := which.info(cmd.Context())
			if err != nil {
				return err
			}
			nodes, err := resolve(info, args)
			if err != nil {
				return err
			}
			_, c, err := which.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			var lines []string
			if err := c.Call(cmd.Context(), pathDmesg, dmesgRequest{nodes[0]}, &lines); err != nil {
				return err
			}
			for _, l := range lines {
				fmt.Fprintln(cmd.OutOrStdout(), l)
			}
			return nil
		},
		ValidArgsFunction: which.completeNode(1),
	}
	which.flags(cmd)
	return cmd
}

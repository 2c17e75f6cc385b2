package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

func newLogs() *cobra.Command {
	var which running
	var number int
	cmd := &cobra.Command{
		Use:   "logs NODE",
		Short: "Print what a node's background commands wrote",
		Long:  "Print what a node's background commands wrote. Number 0 holds the commands of the topology file.",
		Args:  usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, info, err := which.info(cmd.Context())
			if err != nil {
				return err
			}
			nodes, err := resolve(info, args)
			if err != nil {
				return err
			}
			f, err := os.Open(d.Log(nodes[0], number))
			if errors.Is(err, fs.ErrNotExist) {
				if number == 0 { // the file gives this node no command
					return nil
				}
				return fmt.Errorf("node %s has no log %d", nodes[0], number)
			}
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(cmd.OutOrStdout(), f)
			return err
		},
		ValidArgsFunction: which.completeNode(1),
	}
	which.flags(cmd)
	cmd.Flags().IntVarP(&number, "number", "n", 0, "which `LOG` of the node")
	return cmd
}

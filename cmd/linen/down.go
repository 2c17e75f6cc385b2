package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"linen/lab"
)

func newDown() *cobra.Command {
	var which running
	var all bool
	cmd := &cobra.Command{
		Use:     "down",
		Aliases: []string{"destroy"},
		Short:   "End a lab and everything that runs in it",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := []string{which.sel.Lab}
			if all {
				if names = labNames(); len(names) == 0 {
					return nil
				}
			}
			var failed []error
			for _, name := range names {
				which.sel.Lab = name
				d, c, err := which.dial()
				if err == nil {
					err = c.Call(cmd.Context(), lab.PathDown, lab.DownRequest{}, nil)
					c.Close()
				}
				if err != nil {
					failed = append(failed, err)
					continue
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "lab %s is down\n", d.Name)
			}
			return errors.Join(failed...)
		},
	}
	which.flags(cmd)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "every lab of yours")
	cmd.MarkFlagsMutuallyExclusive("all", "lab")
	cmd.MarkFlagsMutuallyExclusive("all", "file")
	return cmd
}

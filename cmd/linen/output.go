package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"linen/lab"
)

// outputFlag adds -o, checked before the verb runs.
func outputFlag(cmd *cobra.Command, to *string) {
	formats := lab.OutputFormats()
	cmd.Flags().StringVarP(to, "output", "o", "table", "output `FORMAT`: "+strings.Join(formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if !slices.Contains(formats, *to) {
			return usageError{fmt.Errorf("unknown output format %q: use %s", *to, strings.Join(formats, ", "))}
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
}

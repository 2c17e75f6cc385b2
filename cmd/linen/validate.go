package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"linen/lab"
	"linen/lab/clab"
)

func newValidate() *cobra.Command {
	var src source
	var output string
	cmd := &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a topology without starting anything",
		Long: `Check a topology without starting anything: every mistake with its place and
what to write instead, and whatever linen cannot run. Remarks go to standard error.`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := src.load(args, cmd.InOrStdin())
			if err == nil {
				err = t.Runnable()
			}
			if output == "json" || output == "yaml" {
				return validateData(cmd, output, t, err)
			}
			if err != nil {
				return err
			}
			for _, n := range t.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), n)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %d nodes, %d links\n", t.Name, len(t.Nodes), len(t.Links))
			return err
		},
	}
	src.flags(cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "print the merged topology, or the mistakes, as `FORMAT`: json or yaml")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if output != "" && output != "json" && output != "yaml" {
			return usageError{fmt.Errorf("unknown output format %q: use json or yaml", output)}
		}
		return nil
	}
	return cmd
}

// validateData prints the result for a program: the topology as it was merged, or {"errors": [...]} and status 1.
func validateData(cmd *cobra.Command, format string, t *clab.Topology, err error) error {
	if err == nil {
		return lab.Print(cmd.OutOrStdout(), format, t, lab.Table{})
	}
	var usage usageError
	if errors.As(err, &usage) {
		return err
	}
	var list clab.Errors
	if !errors.As(err, &list) {
		var one *clab.Error
		if !errors.As(err, &one) {
			return err
		}
		list = clab.Errors{one}
	}
	if err := lab.Print(cmd.OutOrStdout(), format, map[string]any{"errors": list}, lab.Table{}); err != nil {
		return err
	}
	return exitStatus(1)
}

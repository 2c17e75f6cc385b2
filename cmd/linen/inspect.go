package main

import (
	"os"

	"github.com/spf13/cobra"

	"linen/lab"
)

func newInspect() *cobra.Command {
	var which running
	var output string
	cmd := &cobra.Command{
		Use:   "inspect",
		Short: "Show a lab's nodes and addresses; -o json has containerlab's form",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, info, err := which.info(cmd.Context())
			if err != nil {
				return err
			}
			cwd, err := os.Getwd()
			if err != nil {
				return err
			}
			return lab.Print(cmd.OutOrStdout(), output, lab.Inspect(info, cwd), lab.InspectTable(info))
		},
	}
	which.flags(cmd)
	outputFlag(cmd, &output)
	cmd.AddCommand(newInspectInterfaces())
	return cmd
}

func newInspectInterfaces() *cobra.Command {
	var which running
	var output string
	cmd := &cobra.Command{
		Use:   "interfaces [NODE...]",
		Short: "Show the interfaces of a lab's nodes",
		RunE: func(cmd *cobra.Command, args []string) error {
			_, info, err := which.info(cmd.Context())
			if err != nil {
				return err
			}
			nodes, err := resolve(info, args)
			if err != nil {
				return err
			}
			return lab.Print(cmd.OutOrStdout(), output, lab.Interfaces(info, nodes...), lab.InterfaceTable(info, nodes...))
		},
		ValidArgsFunction: which.completeNode(-1),
	}
	which.flags(cmd)
	outputFlag(cmd, &output)
	return cmd
}

// resolve turns the words of a command line into node names.
func resolve(info lab.Info, words []string) ([]string, error) {
	var out []string
	for _, w := range words {
		n, err := lab.ResolveNode(info.Topology, w)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

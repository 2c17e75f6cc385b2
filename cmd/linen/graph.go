package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"linen/lab"
)

func newGraph() *cobra.Command {
	var src source
	chosen := map[string]*bool{}
	cmd := &cobra.Command{
		Use:   "graph [FILE]",
		Short: "Draw a topology as text",
		Long:  "Draw a topology as text: a Mermaid flowchart (the default), Graphviz dot, or JSON. Kinds that linen cannot run are drawn too.",
		Args:  usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			format := "mermaid"
			n := 0
			for _, f := range lab.GraphFormats() {
				if *chosen[f] {
					format = f
					n++
				}
			}
			if n > 1 {
				return usageError{errors.New("choose one of --mermaid, --dot and --json")}
			}
			t, err := src.load(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			text, err := lab.Graph(t, format)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		},
	}
	src.flags(cmd)
	help := map[string]string{"mermaid": "a Mermaid flowchart, which GitHub and GitLab draw", "dot": "Graphviz", "json": "nodes and links"}
	for _, f := range lab.GraphFormats() {
		chosen[f] = cmd.Flags().Bool(f, false, help[f])
	}
	return cmd
}

package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"linen/lab"
)

// psRow is one node of `linen ps -o json`.
type psRow struct {
	Lab string `json:"lab"`
	lab.NodeStatus
}

func newPs() *cobra.Command {
	var which running
	var output string
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the nodes of the labs that are up",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			names := labNames()
			if which.sel.Lab != "" || which.sel.File != "" {
				names = []string{which.sel.Lab}
			}
			t := lab.Table{Columns: []lab.Column{{Name: "LAB"}, {Name: "NODE"}, {Name: "KIND"}, {Name: "STATE"}, {Name: "PROGRAMS"}, {Name: "INTERFACES"}, {Name: "FILE", Wide: true}, {Name: "PID", Wide: true}}}
			rows := []psRow{}
			for _, name := range names {
				which.sel.Lab = name
				d, info, err := which.info(cmd.Context())
				if err != nil {
					return err
				}
				for _, n := range info.Nodes {
					var ifs []string
					for _, i := range n.Interfaces {
						if i.Name != "lo" {
							ifs = append(ifs, i.Name)
						}
					}
					rows = append(rows, psRow{d.Name, n})
					t.Rows = append(t.Rows, []string{d.Name, n.Name, n.Kind, n.State, strconv.Itoa(n.Programs), strings.Join(ifs, ","), info.File, strconv.Itoa(info.PID)})
				}
			}
			return lab.Print(cmd.OutOrStdout(), output, rows, t)
		},
	}
	which.flags(cmd)
	outputFlag(cmd, &output)
	return cmd
}

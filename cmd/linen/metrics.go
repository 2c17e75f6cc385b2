package main

import (
	"io"

	"github.com/spf13/cobra"
)

// pathMetrics serves the lab's counters for Prometheus.
const pathMetrics = "/metrics"

func newMetrics() *cobra.Command {
	var which running
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Print a lab's counters in Prometheus's text form",
		Long: `Print a lab's counters in Prometheus's text form: node_exporter's names where it has them,
linen_drop_total{node,reason} with the kernel's drop reasons. The lab's API socket serves the
same at /metrics.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, c, err := which.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			r, err := c.Get(cmd.Context(), pathMetrics)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(cmd.OutOrStdout(), r)
			return err
		},
	}
	which.flags(cmd)
	return cmd
}

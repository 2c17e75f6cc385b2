package main

import (
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/spf13/cobra"

	"linen/lab"
)

// versionInfo is what `linen version -o json` prints.
type versionInfo struct {
	Version string `json:"version"` // the module's, or the commit it was built from
	API     int    `json:"api"`     // of the lab daemons that it speaks to
	Go      string `json:"go"`
	System  string `json:"system"`
}

func thisVersion() versionInfo {
	v := versionInfo{Version: "unknown", API: lab.APIVersion, Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	if v.Version != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Version = "devel-" + s.Value[:min(12, len(s.Value))]
		}
	}
	return v
}

func newVersion() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := thisVersion()
			t := lab.Table{
				Columns: []lab.Column{{Name: "VERSION"}, {Name: "GO"}, {Name: "SYSTEM"}, {Name: "API", Wide: true}},
				Rows:    [][]string{{v.Version, v.Go, v.System, strconv.Itoa(v.API)}},
			}
			return lab.Print(cmd.OutOrStdout(), output, v, t)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

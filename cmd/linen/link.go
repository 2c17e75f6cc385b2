package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"linen/lab"
	"linen/lab/clab"
)

func newLink() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link",
		Short: "Show and change links while the lab runs",
		Args:  usage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLinkShow(), newLinkSet(), newLinkReset(), newLinkState("up", true), newLinkState("down", false))
	return cmd
}

func newLinkShow() *cobra.Command {
	c := newInspectInterfaces()
	c.Use, c.Short = "show [NODE...]", "Show interfaces, their state and impairments"
	return c
}

// impairments adds a flag for each setting of vars.linen and returns how to read those that were given.
func impairments(flags *pflag.FlagSet) func() (clab.Impairment, error) {
	names := map[string]string{
		"delay": "`TIME` each frame takes, such as 20ms", "jitter": "how much the delay varies (`TIME`)",
		"loss": "`PERCENT` of frames lost", "duplicate": "`PERCENT` of frames sent twice", "corrupt": "`PERCENT` of frames with one bit wrong",
		"reorder": "`PERCENT` of frames sent at once, before those delayed", "rate": "`RATE`, such as 10mbit", "seed": "`NUMBER` that makes the chance repeatable",
	}
	given := map[string]*string{}
	for n, help := range names {
		given[n] = flags.String(n, "", help)
	}
	return func() (imp clab.Impairment, err error) {
		any := false
		for _, n := range []string{"delay", "jitter", "loss", "duplicate", "corrupt", "reorder", "rate", "seed"} {
			if !flags.Changed(n) {
				continue
			}
			any = true
			if err := imp.Set(n, *given[n]); err != nil {
				return imp, usageError{fmt.Errorf("--%s: %w", n, err)}
			}
		}
		if !any {
			return imp, usageError{errors.New("say what to set, such as --delay 20ms --loss 1")}
		}
		return imp, nil
	}
}

func newLinkSet() *cobra.Command {
	var read func() (clab.Impairment, error)
	cmd := linkVerb("set NODE:INTERFACE", "Replace the impairments of what an interface sends", func(c *lab.LinkChange) error {
		imp, err := read()
		c.Impair = &imp
		return err
	})
	read = impairments(cmd.Flags())
	return cmd
}

func newLinkReset() *cobra.Command {
	return linkVerb("reset NODE:INTERFACE", "Make a link a perfect wire again", func(c *lab.LinkChange) error {
		c.Impair = &clab.Impairment{}
		return nil
	})
}

func newLinkState(verb string, up bool) *cobra.Command {
	return linkVerb(verb+" NODE:INTERFACE", "Set an interface "+verb, func(c *lab.LinkChange) error {
		c.Up = &up
		return nil
	})
}

// linkVerb is a command that changes one link and prints both its ends.
func linkVerb(use, short string, fill func(*lab.LinkChange) error) *cobra.Command {
	var which running
	var both bool
	var output string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			change := lab.LinkChange{BothEnds: both}
			var err error
			if change.Node, change.Interface, err = splitInterface(args[0]); err != nil {
				return err
			}
			if err := fill(&change); err != nil {
				return err
			}
			_, c, err := which.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			var st lab.LinkStatus
			if err := c.Call(cmd.Context(), lab.PathLink, change, &st); err != nil {
				return err
			}
			t := lab.Table{Columns: []lab.Column{{Name: "INTERFACE"}, {Name: "STATE"}, {Name: "IMPAIRMENT"}}}
			for _, e := range st.Ends {
				t.Rows = append(t.Rows, []string{e.Node + ":" + e.Interface, e.State, lab.FormatImpairment(e.Impair)})
			}
			return lab.Print(cmd.OutOrStdout(), output, st, t)
		},
		ValidArgsFunction: which.completeInterface,
	}
	which.flags(cmd)
	cmd.Flags().BoolVar(&both, "both", false, "the other end of the link too")
	outputFlag(cmd, &output)
	return cmd
}

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"linen/lab"
)

// running says which lab that is up a command line means.
type running struct{ sel lab.Selection }

func (r *running) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.sel.Lab, "lab", os.Getenv("LINEN_LAB"), "the lab's `NAME`; not needed while one lab is up")
	cmd.Flags().StringVarP(&r.sel.File, "file", "t", "", "the topology `FILE` that the lab came from")
	_ = cmd.RegisterFlagCompletionFunc("lab", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return labNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

// state is this user's state directory.
func state() lab.State { return lab.DefaultState(os.Getenv, os.Getuid()) }

func labNames() []string {
	labs, err := state().Labs()
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(labs))
	for _, d := range labs {
		names = append(names, d.Name)
	}
	return names
}

// dial finds the lab and makes a client of its daemon.
func (r *running) dial() (*lab.Dir, *lab.Client, error) {
	d, err := state().Find(r.sel)
	if err != nil {
		return nil, nil, err
	}
	c, err := lab.Dial(d)
	return d, c, err
}

// info asks the lab for its state.
func (r *running) info(ctx context.Context) (*lab.Dir, lab.Info, error) {
	var info lab.Info
	d, c, err := r.dial()
	if err != nil {
		return nil, info, err
	}
	defer c.Close()
	return d, info, c.Call(ctx, lab.PathInfo, nil, &info)
}

// completeNode offers the lab's nodes for the first count arguments; count < 0 for all.
func (r *running) completeNode(count int) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if count >= 0 && len(args) >= count {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		d, err := state().Find(r.sel)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		m, err := d.Meta()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return m.Nodes, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeInterface offers node:interface of the lab's links for the first argument.
func (r *running) completeInterface(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	_, info, err := r.info(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, l := range info.Topology.Links {
		for _, e := range l.Endpoints {
			out = append(out, e.String())
		}
	}
	slices.Sort(out)
	return out, cobra.ShellCompDirectiveNoFileComp
}

// splitInterface reads node:interface.
func splitInterface(word string) (node, ifname string, err error) {
	node, ifname, ok := strings.Cut(word, ":")
	if !ok || node == "" || ifname == "" {
		return "", "", usageError{errors.New(`"` + word + `" is not NODE:INTERFACE, such as r1:eth1`)}
	}
	return node, ifname, nil
}

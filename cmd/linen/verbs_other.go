//go:build !linux

package main

import "github.com/spf13/cobra"

// linuxVerbs are the verbs that run programs, which needs Linux.
func linuxVerbs() []*cobra.Command { return nil }

// becomeInit does nothing: there are no nodes' inits.
func becomeInit() {}

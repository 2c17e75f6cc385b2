package main

import (
	"github.com/spf13/cobra"

	"linen/run/nodeinit"
)

// linuxVerbs are the verbs that run programs, which needs Linux.
func linuxVerbs() []*cobra.Command {
	return []*cobra.Command{newUp(), newExec(), newSh(), newRun(), newWhy(), newCapture(), newExtcap(), newDoctor()}
}

// becomeInit makes this process a node's init when it was started as one.
func becomeInit() {
	if nodeinit.IsInit() {
		nodeinit.Main()
	}
}

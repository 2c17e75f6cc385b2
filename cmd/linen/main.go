// Command linen is Linux networking in user space: labs of hosts and routers in one unprivileged process, in which
// unmodified programs run.
//
// Each verb is one file. Exit status: 0 success, 1 failure, 2 usage; exec and run pass on the program's.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"linen/lab/clab"
)

func main() {
	becomeInit()
	os.Exit(run(commandLine(os.Args[1:]), stdio{os.Stdin, os.Stdout, os.Stderr}))
}

// commandLine adds the verb that Wireshark leaves out when linen is linked into
// its folder of capture programs.
func commandLine(args []string) []string {
	if len(args) > 0 && (strings.HasPrefix(args[0], "--extcap-") || args[0] == "--capture") {
		return append([]string{"extcap"}, args...)
	}
	return args
}

// stdio is where a command reads and writes.
type stdio struct{ in, out, err *os.File }

// usageError is a command line that cannot be meant.
type usageError struct{ error }

// exitStatus ends linen with the status of a program that it ran, silently.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// run executes one command line and returns the exit status.
func run(args []string, io stdio) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	cmd, err := root.ExecuteC()
	var status exitStatus
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.As(err, &usage):
		fmt.Fprintf(io.err, "linen: %v\nTry '%s --help'.\n", err, cmd.CommandPath())
		return 2
	}
	var broken clab.Errors
	var one *clab.Error
	if !errors.As(err, &broken) && !errors.As(err, &one) { // those begin with their place in the file
		err = fmt.Errorf("linen: %w", err)
	}
	fmt.Fprintln(io.err, err)
	return 1
}

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:                        "linen",
		SuggestionsMinimumDistance: 2,
		Short:                      "Linux networking in user space",
		Long: `Linux networking in user space: labs of hosts and routers in one unprivileged
process, configured by the real ip, and unmodified programs in each.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(verbs()...)
	return root
}

// knownVerb refuses a word that is no verb, with the verbs that it may have meant.
func knownVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(near, " or "))
	}
	return usageError{err}
}

// verbs lists every verb; each is made in its own file.
func verbs() []*cobra.Command {
	return append(linuxVerbs(),
		newDown(), newPs(), newInspect(), newLogs(), newDmesg(), newLink(), newMetrics(),
		newValidate(), newGraph(), newVersion(),
	)
}

// usage makes a wrong number of arguments a usage error.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

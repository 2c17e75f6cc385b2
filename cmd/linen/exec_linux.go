package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"linen/lab"
	"linen/run/client"
	"linen/run/nodeinit"
)

func newExec() *cobra.Command {
	var which running
	var all, detached bool
	var labels []string
	var env []string
	var output string
	cmd := &cobra.Command{
		Use:   "exec NODE [--] COMMAND [ARG...]",
		Short: "Run a program in a node",
		Long: `Run a program in a node, as 'ip netns exec' or 'docker exec' do: its input, output,
terminal, signals and exit status are those of linen exec.`,
		Example: "  linen exec r1 -- ip route\n  linen exec h1 -- ping -c3 10.2.0.2\n  linen exec --all -- ip -br address",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if i := slices.Index(args, "--"); i >= 0 && i <= 1 { // pflag leaves it when the node came before
				args = slices.Delete(args, i, i+1)
			}
			if all || len(labels) > 0 {
				if output == "json" {
					return which.execJSON(cmd, args, labels, env)
				}
				return which.execMany(cmd, args, labels, env)
			}
			if len(args) < 2 {
				return usageError{errors.New("give a node and a command: linen exec r1 -- ip route")}
			}
			if detached {
				return which.execDetached(cmd, args[0], args[1:], env)
			}
			return which.exec(args[0], args[1:], env)
		},
		ValidArgsFunction: which.completeNode(1),
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().BoolVarP(&all, "all", "a", false, "in every node, one after the other")
	cmd.Flags().BoolVarP(&detached, "detach", "d", false, "in the background: print the number of its log and return")
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "in every node with the `LABEL` (key=value)")
	cmd.Flags().StringArrayVarP(&env, "env", "e", nil, "set an environment variable (`K=V`)")
	cmd.Flags().StringVarP(&output, "output", "o", "plain", "of many nodes: plain, or json as containerlab's exec has it")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"plain", "json"}, cobra.ShellCompDirectiveNoFileComp))
	which.flags(cmd)
	return cmd
}

// program is the command as it runs in a node: with the caller's environment
// and directory.
func program(argv, env []string) nodeinit.Program {
	dir, err := os.Getwd()
	if err != nil {
		dir = "/"
	}
	return nodeinit.Program{Argv: argv, Env: append(os.Environ(), env...), Dir: dir}
}

// exec runs argv in a node and ends as it ends.
func (r *running) exec(word string, argv, env []string) error {
	d, err := state().Find(r.sel)
	if err != nil {
		return err
	}
	m, err := d.Meta()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("lab %s is starting", d.Name)
	}
	if err != nil {
		return err
	}
	if err := lab.CheckAPI(m); err != nil {
		return err
	}
	node, err := m.Resolve(word)
	if err != nil {
		return err
	}
	exit, err := r.runOne(d, node, program(argv, env))
	if err != nil {
		return execError(err)
	}
	client.Exit(exit)
	return nil
}

// runOne runs a program through the daemon's socket.
func (r *running) runOne(d *lab.Dir, node string, p nodeinit.Program) (nodeinit.Exit, error) {
	c, err := client.Dial(d.ExecSocket())
	if err != nil {
		return nodeinit.Exit{}, err
	}
	io := client.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	p.TTY = io.Interactive()
	return client.Run(c, client.Request{API: client.API, Node: node, Program: p}, io)
}

// execDetached leaves a program running in a node.
func (r *running) execDetached(cmd *cobra.Command, word string, argv, env []string) error {
	_, c, err := r.dial()
	if err != nil {
		return err
	}
	defer c.Close()
	p := program(argv, env)
	var j lab.Job
	if err := c.Call(cmd.Context(), lab.PathStart, lab.StartRequest{Node: word, Args: p.Argv, Env: p.Env, Dir: p.Dir}, &j); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), j.Log)
	return nil
}

// execError turns a program that was not started into the shell's exit status
// for it.
func execError(err error) error {
	var failed *client.Error
	if !errors.As(err, &failed) {
		return err
	}
	fmt.Fprintln(os.Stderr, "linen:", failed.Text)
	return exitStatus(failed.Code)
}

// execMany runs argv in every node that the labels choose, under a heading
// each; the status is the last failure's.
func (r *running) execMany(cmd *cobra.Command, argv, labels, env []string) error {
	if len(argv) == 0 {
		return usageError{errors.New("give a command: linen exec --all -- ip route")}
	}
	d, info, err := r.info(cmd.Context())
	if err != nil {
		return err
	}
	status := 0
	for _, node := range lab.SelectNodes(info.Topology, labels) {
		fmt.Fprintf(os.Stderr, "== %s\n", node)
		exit, err := r.runOne(d, node, program(argv, env))
		if err != nil {
			var code exitStatus
			if err = execError(err); !errors.As(err, &code) {
				return err
			}
			status = int(code)
			continue
		}
		if code := exit.ShellCode(); code != 0 {
			status = code
		}
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

func newSh() *cobra.Command {
	var which running
	cmd := &cobra.Command{
		Use:   "sh [NODE]",
		Short: "Open a shell in a node, or a prompt for the whole lab",
		Long: `Open a shell in a node. Without a node, a prompt for the whole lab, with lines as Mininet has them:

  h1 ping -c1 h2
  pingall
  link r1 r2 down

From a pipe or a file it runs the lines; its status is the last line's.`,
		Args: usage(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				p, err := which.newPrompt()
				if err != nil {
					return err
				}
				return p.run(cmd.Context(), cmd.InOrStdin())
			}
			return which.exec(args[0], []string{shell(), "-i"}, []string{"PS1=" + args[0] + "# "})
		},
		ValidArgsFunction: which.completeNode(1),
	}
	which.flags(cmd)
	return cmd
}

// shell is the user's shell, or sh.
func shell() string {
	if s := os.Getenv("SHELL"); s != "" {
		if _, err := os.Stat(s); err == nil {
			return s
		}
	}
	return "/bin/sh"
}

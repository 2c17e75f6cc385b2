package main

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"linen/lab/engine"
	"linen/run/client"
)

func newRun() *cobra.Command {
	var seed uint64
	var env []string
	var noUserNS bool
	var up uplinkFlags
	cmd := &cobra.Command{
		Use:   "run [--] COMMAND [ARG...]",
		Short: "Run a program on a fresh network of its own",
		Long: `Run a program, and what it starts, on a fresh Linux network that ends with it:
nothing but a lo that is down. It sees itself as root of that network.

With --uplink it has this machine's network by a NAT, without privilege: eth0 is
10.0.2.15/24, the gateway and the name server 10.0.2.2. Only --uplink-loopback
lets the gateway's address lead to this machine's own loopback; --publish opens
a port of this machine.`,
		Example: "  linen run -- ip -d link\n  linen run -- bash -c 'ip link set lo up; ping -c1 127.0.0.1'\n  linen run -- ./my.test\n  linen run --uplink -- curl https://example.org\n  linen run -p 127.0.0.1:8080:80 -- ./server",
		Args:    usage(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			e, err := engine.New(engine.Config{CPUs: min(runtime.NumCPU(), 4), Seed: seed, NoUserNamespaces: noUserNS})
			if err != nil {
				return err
			}
			if err := up.node(e); err != nil {
				return errors.Join(err, e.Close())
			}
			return runProgram(cmd.Context(), e, args, env)
		},
	}
	cmd.Flags().SetInterspersed(false)
	cmd.Flags().Uint64Var(&seed, "seed", 0, "seed of every random choice; 0: a new one each time")
	cmd.Flags().StringArrayVarP(&env, "env", "e", nil, "set an environment variable (`K=V`)")
	up.flags(cmd)
	cmd.Flags().BoolVar(&noUserNS, "no-user-namespaces", os.Getenv("LINEN_NO_USERNS") != "", "do as where the host refuses user namespaces")
	return cmd
}

// runNode is the name of the one node of `linen run`.
const runNode = "run"

// runProgram is supervisor and client in one: it runs argv in the node, takes
// the node down, and ends as the program ended.
func runProgram(ctx context.Context, e *engine.Engine, argv, env []string) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return errors.Join(err, e.Close())
	}
	ours, theirs, err := connPair()
	if err != nil {
		return errors.Join(err, e.Close())
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = client.Serve(ctx, theirs, e) // the client half reports
	}()
	io := client.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	p := program(argv, env)
	p.TTY = io.Interactive()
	exit, err := client.Run(ours, client.Request{API: client.API, Node: runNode, Program: p}, io)
	<-served
	if closeErr := e.Close(); err == nil && closeErr != nil {
		return closeErr
	}
	if err != nil {
		return execError(err)
	}
	client.Exit(exit)
	return nil
}

// connPair returns two connected SOCK_SEQPACKET ends.
func connPair() (a, b *net.UnixConn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if a, err = unixConn(fds[0]); err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	if b, err = unixConn(fds[1]); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

func unixConn(fd int) (*net.UnixConn, error) {
	f := os.NewFile(uintptr(fd), "socketpair")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		c.Close()
		return nil, errors.New("a socket pair is no unix connection")
	}
	return u, nil
}

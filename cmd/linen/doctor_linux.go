package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"linen/lab"
	"linen/run/nodeinit"
)

// finding is one thing that doctor looked at.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, missing, limited
	Detail string `json:"detail,omitempty"`
}

// tools are the programs that people run in nodes, with their Debian packages.
var tools = []struct{ name, pkg string }{
	{"ip", "iproute2"}, {"ping", "iputils-ping"}, {"tracepath", "iputils-tracepath"}, {"traceroute", "traceroute"},
	{"mtr", "mtr-tiny"}, {"ifconfig", "net-tools"}, {"tcpdump", "tcpdump"}, {"tshark", "tshark"}, {"strace", "strace"},
}

func newDoctor() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host allows, and which packages would add what",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := examine(cmd.Context())
			t := lab.Table{Columns: []lab.Column{{Name: "CHECK"}, {Name: "STATE"}, {Name: "DETAIL"}}}
			for _, f := range findings {
				t.Rows = append(t.Rows, []string{f.Check, f.State, f.Detail})
			}
			if err := lab.Print(cmd.OutOrStdout(), output, findings, t); err != nil {
				return err
			}
			if slices.ContainsFunc(findings, func(f finding) bool { return f.State == "broken" }) {
				return errors.New("linen cannot run programs here")
			}
			return nil
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// examine starts a node's init and tells what it got.
func examine(ctx context.Context) []finding {
	var list []finding
	uname := unix.Utsname{}
	if unix.Uname(&uname) == nil {
		list = append(list, finding{"kernel", "ok", unix.ByteSliceToString(uname.Release[:])})
	}
	list = append(list, examineNode(ctx)...)
	list = append(list, device("/dev/fuse", "files of the kernel's network are one mounted tree", "they are answered call by call"),
		device("/dev/net/tun", "TAP ports to the host's network", "no TAP ports"))
	return append(list, examineTools()...)
}

// examineNode says which mode programs run in, and why.
func examineNode(ctx context.Context) []finding {
	n, err := nodeinit.Start(ctx, nodeinit.Config{Name: "doctor"})
	if err != nil {
		return []finding{{"programs", "broken", err.Error()}}
	}
	defer n.Close()
	go drainListener(n)
	mode := n.Mode()
	state := "ok"
	if mode.Reason != "" {
		state = "limited"
	}
	list := []finding{{"programs", state, mode.String()}}
	if mode.Reason != "" {
		list = append(list, finding{"namespaces", "limited", mode.Reason})
	}
	views := make([]string, 0, len(mode.Missing))
	for view := range mode.Missing {
		views = append(views, view)
	}
	slices.Sort(views)
	for _, view := range views {
		list = append(list, finding{"file view " + view, "missing", mode.Missing[view]})
	}
	return list
}

// drainListener ends with the node.
func drainListener(n *nodeinit.Node) {
	<-n.Done()
}

func device(name, with, without string) finding {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return finding{name, "missing", fmt.Sprintf("%v: %s", errors.Unwrap(err), without)}
	}
	io.Closer(f).Close()
	return finding{name, "ok", with}
}

// examineTools says which packages would add programs.
func examineTools() []finding {
	var have, lack, packages []string
	for _, t := range tools {
		if _, err := exec.LookPath(t.name); err == nil {
			have = append(have, t.name)
			continue
		}
		lack, packages = append(lack, t.name), append(packages, t.pkg)
	}
	list := []finding{{"programs found", "ok", strings.Join(have, " ")}}
	if len(lack) > 0 {
		list = append(list, finding{"programs missing", "missing", strings.Join(lack, " ") + ": apt-get install " + strings.Join(packages, " ")})
	}
	return list
}

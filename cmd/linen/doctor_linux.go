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

	"linen/drivers/host/uplink"
	"linen/lab"
	"linen/lab/engine"
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
	{"ethtool", "ethtool"}, {"socat", "socat"}, {"vtysh", "frr"}, {"birdc", "bird2"},
}

func newDoctor() *cobra.Command {
	var output string
	var noUserNS bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this host allows, and which packages would add what",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			findings := examine(cmd.Context(), noUserNS)
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
	cmd.Flags().BoolVar(&noUserNS, "no-user-namespaces", os.Getenv("LINEN_NO_USERNS") != "", "do as where the host refuses user namespaces")
	return cmd
}

// examine runs a program in a node, as `up` would, and tells what it got.
func examine(ctx context.Context, noUserNS bool) []finding {
	var list []finding
	uname := unix.Utsname{}
	if unix.Uname(&uname) == nil {
		list = append(list, finding{"kernel", "ok", unix.ByteSliceToString(uname.Release[:])})
	}
	list = append(list, finding{"state", "ok", state().Root})
	list = append(list, examineNode(ctx, noUserNS)...)
	list = append(list, device("/dev/fuse", "files of the kernel's network can be one mounted tree", "they are answered call by call"),
		device("/dev/net/tun", "TAP ports to the host's network are possible", "no TAP ports to the host's network"))
	return append(append(list, examineUplink()), examineTools()...)
}

// examineUplink says what `kind: uplink` and `run --uplink` give here.
func examineUplink() finding {
	const gives = "TCP and UDP of this machine by `kind: uplink` and `run --uplink`"
	resolver := "no DNS: /etc/resolv.conf names no IPv4 server"
	if r := lab.ThisHost().Resolver(); r.IsValid() {
		resolver = "DNS by " + r.Addr().String()
	}
	if err := uplink.CanPing(); err != nil {
		return finding{"uplink", "limited", gives + ", " + resolver + "; no ping: net.ipv4.ping_group_range excludes this group"}
	}
	return finding{"uplink", "ok", gives + ", " + resolver + ", ping"}
}

// examineNode says which mode programs run in, and why.
func examineNode(ctx context.Context, noUserNS bool) []finding {
	e, err := engine.New(engine.Config{NoUserNamespaces: noUserNS})
	if err != nil {
		return []finding{{"programs", "broken", err.Error()}}
	}
	defer e.Close()
	if err := e.CreateNode(lab.NodeSpec{Name: "doctor", Hostname: "doctor"}); err != nil {
		return []finding{{"network", "broken", err.Error()}}
	}
	mode, err := e.Mode(ctx, "doctor")
	if err != nil {
		return []finding{{"programs", "broken", err.Error()}}
	}
	status, err := e.Run(ctx, "doctor", lab.ExecSpec{Args: []string{"true"}})
	if err != nil || status != 0 {
		return []finding{{"programs", "broken", fmt.Sprintf("true ended with status %d: %v", status, err)}}
	}
	return modeFindings(mode)
}

// modeFindings says what a node has of its own, and for each thing that it lacks why and what follows.
func modeFindings(mode nodeinit.Mode) []finding {
	first := finding{"programs", "ok", "unmodified programs run, each node with its own " + namespaces(mode)}
	if !mode.MountNS {
		first = finding{"programs", "limited", "unmodified programs run, without namespaces: nodes share /run, /etc and the host name; binds do not work; `ip netns` and `unshare -n` are refused (EPERM)"}
	}
	list := []finding{first}
	if mode.Reason != "" {
		list = append(list, finding{"namespaces", "limited", mode.Reason + advice(mode)})
	}
	if !mode.MountNS {
		return list
	}
	if mode.FullTree() {
		list = append(list, finding{"kernel files", "ok", "/proc/net, /proc/sys/net and /sys/class/net are a mounted tree"})
	} else {
		list = append(list, finding{"kernel files", "limited", "answered call by call: " + mode.Missing[nodeinit.ViewFuse]})
	}
	for _, view := range []string{nodeinit.ViewMounts, nodeinit.ViewRun, nodeinit.ViewEtc, nodeinit.ViewHostname, nodeinit.ViewResolver} {
		if reason := mode.Missing[view]; reason != "" {
			list = append(list, finding{"own " + view, "missing", reason})
		}
	}
	return list
}

func namespaces(mode nodeinit.Mode) string {
	if mode.UserNS {
		return "user, mount, network and UTS namespaces"
	}
	return "mount, network and UTS namespaces"
}

// advice names the setting that refuses namespaces to ordinary users, where one is known.
func advice(mode nodeinit.Mode) string {
	if mode.MountNS {
		return ""
	}
	for name, bad := range map[string]string{
		"kernel.apparmor_restrict_unprivileged_userns": "1", "kernel.unprivileged_userns_clone": "0", "user.max_user_namespaces": "0",
	} {
		data, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
		if err == nil && strings.TrimSpace(string(data)) == bad {
			return " (" + name + "=" + bad + ")"
		}
	}
	return ""
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

//go:build linux

package fuse_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"linen/run/fuse"
	"linen/run/internal/runtest"
	"linen/run/nodeinit"
	"linen/run/seccomp"
)

func TestMain(m *testing.M) { runtest.Main(m) }

const path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

// start makes a node whose tree is served.
func start(t *testing.T) *nodeinit.Node {
	t.Helper()
	var server *fuse.Server
	n, err := nodeinit.Start(runtest.Context(t), nodeinit.Config{
		Name: t.Name(), FuseDevice: runtest.FuseDevice(),
		ServeFuse: func(f *os.File) (err error) {
			server, err = fuse.Serve(f, fuse.Sample(t))
			return err
		},
		Filter: func(nodeinit.Mode) seccomp.Config { return seccomp.Config{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("mode:", n.Mode())
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		var call seccomp.Notif
		for n.Listener().Recv(&call) == nil {
			n.Listener().Continue(call.ID)
		}
	}()
	t.Cleanup(func() {
		n.Close()
		<-answered
		if server != nil {
			server.Close()
		}
	})
	return n
}

func sh(t *testing.T, n *nodeinit.Node, script string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx := runtest.Context(t)
	p, err := n.Exec(ctx, nodeinit.Program{Argv: []string{"sh", "-c", script}, Env: []string{path, "LC_ALL=C"}}, w, w, w)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestFilesOfANode(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t)
		if !n.Mode().FullTree() {
			if os.Geteuid() == 0 && runtest.Unrestricted() && unix.Access("/dev/fuse", unix.R_OK|unix.W_OK) == nil {
				t.Errorf("root has no tree: %v", n.Mode())
			}
			t.Skipf("left out: this place gives no tree: %v", n.Mode())
		}
		for _, tc := range []struct{ name, script, want string }{
			{"cat", "cat /proc/net/dev", "the node's devices\n"},
			{"ls", "ls /proc/net/", "big\ndev\nlink\n"},
			{"ls of a directory", "ls /proc/sys/net /proc/sys/net/ipv4", "/proc/sys/net:\nipv4\n\n/proc/sys/net/ipv4:\nip_forward\nroute\n"},
			{"symbolic link", "cat /proc/net/link; readlink /proc/net/link", "the node's devices\ndev\n"},
			{"write only", "echo 1 >/proc/sys/net/ipv4/route/flush; cat /proc/sys/net/ipv4/route/flush", "cat: /proc/sys/net/ipv4/route/flush: Permission denied\n"},
			{"read only", "/bin/echo x >>/proc/net/dev", "/bin/echo: write error: Input/output error\n"},
			{"class", "ls /sys/class/net; cat /sys/class/net/lo/type", "lo\n772\n"},
			{"stat", "stat -c '%A %s' /proc/net/dev", "-r--r--r-- 0\n"},
			{"a big file whole", "wc -c </proc/net/big", "300000\n"},
			{"no such file", "cat /proc/net/nothing", "cat: /proc/net/nothing: No such file or directory\n"},
			{"shell write", "echo 1 >/proc/sys/net/ipv4/ip_forward; cat /proc/sys/net/ipv4/ip_forward", "1\n"},
			{"bad write", "/bin/echo bad >/proc/sys/net/ipv4/ip_forward", "/bin/echo: write error: Invalid argument\n"},
			{"create", "touch /proc/net/new", "touch: cannot touch '/proc/net/new': No such file or directory\n"},
			{"mkdir", "mkdir /proc/net/new", "mkdir: cannot create directory '/proc/net/new': No such file or directory\n"},
			{"remove", "rm -f /proc/net/dev", "rm: cannot remove '/proc/net/dev': Operation not permitted\n"},
			{"chmod", "chmod 600 /proc/net/dev 2>&1 | sed 's/.*: //'", "Operation not permitted\n"},
			{"link", "readlink /proc/net; test -d /proc/net/ && echo dir", "/run/linen/tree/net\ndir\n"},
			{"other files of proc", "test -r /proc/self/stat && test -d /proc/sys/kernel && echo there", "there\n"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if got := sh(t, n, tc.script); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			})
		}
		// The host's own files are not touched.
		if b, err := os.ReadFile("/proc/net/dev"); err == nil && strings.Contains(string(b), "the node's") {
			t.Error("the host sees the node's file")
		}
	})
}

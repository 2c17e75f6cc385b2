//go:build linux

package nodeinit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
)

func TestFileView(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "daemons"), []byte("zebra=yes\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		n := start(t, nodeinit.Config{
			Hostname: "r1",
			Etc: map[string]string{
				"hosts": "10.0.0.1 r2\n", "resolv.conf": "nameserver 10.0.0.53\n", "hostname": "r1\n", "frr/vtysh.conf": "hostname r1\n",
			},
			Binds: []nodeinit.Bind{
				{Source: filepath.Join(dir, "daemons"), Target: "/etc/frr/daemons", ReadOnly: true},
				{Source: dir, Target: "/run/shared"},
				{Source: "/no/such/source", Target: "/run/nothing"},
			},
		})
		m := n.Mode()
		if !m.Has(nodeinit.ViewEtc) || !m.Has(nodeinit.ViewRun) || !m.Has(nodeinit.ViewHostname) || !m.Has("/etc/frr/daemons") {
			if os.Geteuid() == 0 && m.MountNS && !m.Has(nodeinit.ViewRun) && runtest.Unrestricted() {
				t.Errorf("root has no file view: %v", m)
			}
			t.Skipf("left out: this place gives no file view: %v", m)
		}
		for _, tc := range []struct{ name, script, want string }{
			{"host name", "uname -n; cat /etc/hostname", "r1\nr1\n"},
			{"hosts", "cat /etc/hosts /etc/resolv.conf", "10.0.0.1 r2\nnameserver 10.0.0.53\n"},
			{"the host's own", "head -c5 /etc/passwd", "root:"},
			{"own directory", "cat /etc/frr/vtysh.conf", "hostname r1\n"},
			{"bind", "cat /etc/frr/daemons; (echo >/etc/frr/daemons) 2>&1 | grep -o 'Read-only file system'", "zebra=yes\nRead-only file system\n"},
			{"bind to write", "echo written >/run/shared/file", ""},
			{"private /run", "echo 1 >/run/private; ls /run /var/run/private", "/var/run/private\n\n/run:\nlinen\nlock\nprivate\nshared\n"},
			{"shared by programs", "cat /run/private; rm /run/private", "1\n"},
			{"/etc can be written", "echo more >>/etc/hosts; tail -n1 /etc/hosts; mkdir /etc/new && rmdir /etc/new", "more\n"},
			{"empty network", "tail -n +3 /proc/self/net/dev | cut -d: -f1", "    lo\n"},
			{"resolver hidden", "ls /run/nscd /run/systemd /run/dbus 2>/dev/null", ""},
		} {
			t.Run(tc.name, func(t *testing.T) {
				if got, _ := sh(t, n, tc.script, ""); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
			})
		}
		if b, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(b) != "written\n" {
			t.Errorf("through the bind came %q, %v", b, err)
		}
		if m.Missing["/run/nothing"] == "" {
			t.Error("a bind without a source was not reported")
		}
		if b, err := os.ReadFile("/etc/hosts"); err == nil && strings.Contains(string(b), "10.0.0.1 r2") {
			t.Error("the host's /etc/hosts was changed")
		}
	})
}

// A device that cannot be opened costs the tree, not the node.
func TestMissingDeviceIsAReason(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{
			FuseDevice: "/no/such/device",
			ServeFuse:  func(*os.File) error { t.Error("a connection came"); return nil },
		})
		m := n.Mode()
		if m.FullTree() || m.Has(nodeinit.ViewProcNet) || m.Has(nodeinit.ViewFuse) {
			t.Errorf("mode %v", m)
		}
		if out, exit := sh(t, n, "echo works", ""); out != "works\n" || !exit.Success() {
			t.Errorf("got %q, %+v", out, exit)
		}
	})
}

func TestNoNamespaces(t *testing.T) {
	n := start(t, nodeinit.Config{NoNamespaces: true, Hostname: "ignored"})
	if m := n.Mode(); m.NetNS || m.MountNS || m.Reason == "" || m.Missing[nodeinit.ViewHostname] == "" {
		t.Errorf("mode %+v", m)
	}
	if out, _ := sh(t, n, "uname -n", ""); out == "ignored\n" {
		t.Error("the host's name was changed")
	}
}

func TestRefusedUserNamespacesAreSaid(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		n := start(t, nodeinit.Config{})
		m := n.Mode()
		if runtest.NoUserNamespaces() && m.UserNS {
			t.Errorf("a user namespace where none is allowed: %v", m)
		}
		if !m.NetNS && !strings.Contains(m.Reason, "refuses") {
			t.Errorf("no reason in %v", m)
		}
	})
}

// Two nodes do not see each other's files.
func TestNodesAreApart(t *testing.T) {
	a, b := start(t, nodeinit.Config{Hostname: "a"}), start(t, nodeinit.Config{Hostname: "b"})
	if !a.Mode().Has(nodeinit.ViewRun) || !b.Mode().Has(nodeinit.ViewRun) {
		t.Skipf("left out: no private /run here: %v", a.Mode())
	}
	if a.NetNS() == b.NetNS() {
		t.Error("one network namespace for two nodes")
	}
	sh(t, a, "echo a >/run/file", "")
	if out, _ := sh(t, b, "cat /run/file 2>/dev/null; uname -n", ""); out != "b\n" {
		t.Errorf("b sees %q", out)
	}
}

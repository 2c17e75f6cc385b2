// Package need says what a test needs of the machine that it runs on. A missing
// program is an error in CI (test/packages.txt is where it is added) and a skip
// with its reason elsewhere. What cannot be installed (privileges, user
// namespaces, devices) is a skip with its reason everywhere.
package need

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// CI reports whether the tests run in CI, where programs may not be missing.
func CI() bool { return os.Getenv("CI") == "true" }

// sbin are the folders of administrators' programs, which an ordinary user's
// PATH often lacks.
var sbin = [...]string{"/usr/sbin", "/sbin", "/usr/local/sbin"}

// Tool returns the path of a program, or ends the test.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, dir := range sbin {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	if CI() {
		t.Fatalf("%s is not on this machine: add its package to test/packages.txt", name)
	}
	t.Skipf("%s is not on this machine (test/tools.sh installs it)", name)
	return ""
}

// Root skips the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can do this on a real kernel")
	}
}

// Long skips the test under -short.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long, and -short was asked for")
	}
}

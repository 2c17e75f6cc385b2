package packet_test

import (
	"strings"
	"testing"

	"linen/net/procfs"
	"linen/test/hosts"
)

// procfsLines reads a file of /proc/net.
func procfsLines(t testing.TB, h *hosts.Host, name string) []string {
	t.Helper()
	p, err := procfs.Of(h.Namespace()).Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(p), "\n"), "\n")
}

//go:build linux

package interop

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	if os.Getenv(refuseEnv) != "" {
		execWithoutUserNS()
	}
	code := m.Run()
	removeUroot()
	os.Exit(code)
}

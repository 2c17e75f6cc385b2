//go:build linux

package supervise_test

import (
	"fmt"
	"os"
)

// envRole makes this test binary a program of a node: a static Go program.
const envRole = "LINEN_SUPERVISE_ROLE"

// roles are the programs, by name. They print what went wrong.
var roles = map[string]func() error{}

// program runs a role and exits.
func program(role string) {
	f := roles[role]
	if f == nil {
		fmt.Println("no such role:", role)
		os.Exit(2)
	}
	if err := f(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

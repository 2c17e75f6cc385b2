//go:build linux

package nodeinit

import (
	"fmt"
	"math"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// account is whom a program runs as.
type account struct {
	cred syscall.Credential
	env  []string // HOME, USER, LOGNAME
}

// lookUser finds an account in the node's files by docker's rules for USER: a
// name or a number, and after a colon a group's. A number needs no entry in
// /etc/passwd. Without a group it is the user's own, with those it is a member
// of.
func lookUser(spec string) (*account, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	u, err := user.Lookup(name)
	if _, number := identifier(name); err != nil && number {
		if u, err = user.LookupId(name); err != nil {
			u, err = &user.User{Username: name, HomeDir: "/", Gid: "0", Uid: name}, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
	}
	a := &account{env: []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}}
	uid, number := identifier(u.Uid)
	if !number {
		return nil, fmt.Errorf("user %s: bad id %q", name, u.Uid)
	}
	a.cred.Uid = uid
	if hasGroup {
		return a, a.group(group)
	}
	if err := a.group(u.Gid); err != nil {
		return nil, err
	}
	member, err := u.GroupIds()
	if err != nil {
		member = nil // a number without an entry is in no group
	}
	for _, g := range member {
		if gid, ok := identifier(g); ok && gid != a.cred.Gid {
			a.cred.Groups = append(a.cred.Groups, gid)
		}
	}
	return a, nil
}

// group sets the account's group by its name or number.
func (a *account) group(name string) error {
	gid, number := identifier(name)
	if g, err := user.LookupGroup(name); err == nil {
		gid, number = identifier(g.Gid)
	}
	if !number {
		return fmt.Errorf("unable to find group %s: no matching entries in group file", name)
	}
	a.cred.Gid = gid
	return nil
}

// identifier reads a number that can be an id: -1 is none.
func identifier(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != math.MaxUint32
}

// environment is env with the account's settings in place of its own.
func (a *account) environment(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return name == "HOME" || name == "USER" || name == "LOGNAME"
	})
	return append(env, a.env...)
}

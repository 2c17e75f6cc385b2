//go:build linux

package nodeinit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The private parts of a node, on its own /run.
const (
	privateDir = "/run/linen"
	etcUpper   = privateDir + "/etc/upper"
	etcWork    = privateDir + "/etc/work"
	fuseDir    = privateDir + "/tree"
	netLink    = privateDir + "/net" // the symbolic link that covers /proc/net
)

// errNoNamespace is the reason of everything that needs a mount namespace.
var errNoNamespace = errors.New("no mount namespace")

// view makes the node's files and collects why some are missing.
type view struct {
	*setup
	missing map[string]string
	sources []*os.File // of Binds, opened before our own mounts hide them
}

func newView(s *setup) *view {
	v := &view{setup: s, missing: map[string]string{}}
	for _, b := range s.Binds {
		f, err := os.OpenFile(b.Source, unix.O_PATH, 0)
		if err != nil {
			v.missing[b.Target] = err.Error()
		}
		v.sources = append(v.sources, f)
	}
	return v
}

// try runs one step; its failure costs that view alone.
func (v *view) try(name string, step func() error) bool {
	err := step()
	if err != nil {
		v.missing[name] = err.Error()
	}
	return err == nil
}

// prepare does everything that needs no answer from the supervisor and returns
// the connection of the FUSE tree, or nil.
func (v *view) prepare() *os.File {
	if !v.Views {
		for _, name := range []string{ViewMounts, ViewRun, ViewEtc, ViewHostname, ViewResolver, ViewFuse, ViewProcNet, ViewSysctl, ViewClassNet} {
			v.missing[name] = errNoNamespace.Error()
		}
		for _, b := range v.Binds {
			v.missing[b.Target] = errNoNamespace.Error()
		}
		return nil
	}
	v.try(ViewHostname, v.hostname)
	if !v.try(ViewMounts, privateMounts) {
		return nil // what follows might be seen by the host
	}
	run := v.try(ViewRun, mountRun)
	if !run {
		v.missing[ViewEtc], v.missing[ViewFuse] = "no private /run", "no private /run"
	} else {
		v.try(ViewEtc, v.mountEtc)
	}
	v.try(ViewResolver, hideResolver)
	var fuse *os.File
	if run && v.FuseDevice != "" {
		v.try(ViewFuse, func() (err error) {
			fuse, err = v.mountFuse()
			return err
		})
	}
	return fuse
}

// finish mounts what is read from the tree and the binds.
func (v *view) finish() {
	if !v.Views || v.missing[ViewMounts] != "" {
		return
	}
	reason, failed := v.missing[ViewFuse]
	if v.FuseDevice == "" {
		reason, failed = "not asked for", true
		v.missing[ViewFuse] = reason
	}
	for name, step := range map[string]func() error{
		ViewProcNet:  coverProcNet,
		ViewSysctl:   func() error { return bind(fuseDir+"/sys", ViewSysctl) },
		ViewClassNet: func() error { return bind(fuseDir+"/class", ViewClassNet) },
	} {
		if failed {
			v.missing[name] = reason
			continue
		}
		v.try(name, step)
	}
	for i, b := range v.Binds {
		if src := v.sources[i]; src != nil {
			v.try(b.Target, func() error { return bindUser(src, b) })
			src.Close()
		}
	}
}

func (v *view) hostname() error {
	if v.Hostname == "" {
		return nil
	}
	if err := unix.Sethostname([]byte(v.Hostname)); err != nil {
		return fmt.Errorf("sethostname: %w", err)
	}
	return nil
}

// privateMounts stops the propagation of our mounts to the host. Binding the
// root would be needed only for a root that is no mount point, as in a chroot.
func privateMounts() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	return nil
}

// mountRun gives the node an empty /run. It hides the host's nscd, resolved,
// avahi and D-Bus sockets as well.
func mountRun() error {
	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("tmpfs on /run: %w", err)
	}
	for _, d := range []string{etcUpper, etcWork, fuseDir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	if err := os.Mkdir("/run/lock", 0o777|os.ModeSticky); err != nil {
		return err
	}
	// /var/run is a link to /run on every current distribution.
	if st, err := os.Lstat("/var/run"); err == nil && st.IsDir() {
		return bind("/run", "/var/run")
	}
	return nil
}

// mountEtc lays the node's files over the host's /etc.
func (v *view) mountEtc() error {
	for name, content := range v.Etc {
		file := filepath.Join(etcUpper, filepath.Join("/", name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			return err
		}
	}
	opts := "lowerdir=/etc,upperdir=" + etcUpper + ",workdir=" + etcWork
	if v.UserNS {
		opts += ",userxattr" // trusted.* attributes are the host root's
	}
	err := unix.Mount("overlay", "/etc", "overlay", unix.MS_NOSUID|unix.MS_NODEV, opts)
	if err == nil {
		return nil
	}
	return fmt.Errorf("overlay: %w; %s", err, v.bindEtc())
}

// bindEtc is what can be done without an overlay: it covers the files that the
// host has as well, and says how many it could not.
func (v *view) bindEtc() string {
	done := 0
	for name := range v.Etc {
		if bind(filepath.Join(etcUpper, name), filepath.Join("/etc", name)) == nil {
			done++
		}
	}
	return fmt.Sprintf("%d of %d files bound instead", done, len(v.Etc))
}

// hideResolver empties the directory of sssd, the one naming daemon that does
// not listen below /run.
func hideResolver() error {
	const pipes = "/var/lib/sss/pipes"
	if _, err := os.Stat(pipes); err != nil {
		return nil
	}
	if err := unix.Mount("tmpfs", pipes, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("tmpfs on %s: %w", pipes, err)
	}
	return nil
}

// bind is recursive: in a user namespace the kernel refuses to separate a mount
// from those below it.
func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("bind %s on %s: %w", source, target, err)
	}
	return nil
}

// bindUser mounts a bind of the lab file. A missing target is made where the
// node may write: below /etc and /run always.
func bindUser(src *os.File, b Bind) error {
	st, err := src.Stat()
	if err != nil {
		return err
	}
	if _, err := os.Stat(b.Target); err != nil {
		if err := makeTarget(b.Target, st.IsDir()); err != nil {
			return fmt.Errorf("bind target: %w", err)
		}
	}
	if err := bind(fmt.Sprintf("/proc/self/fd/%d", src.Fd()), b.Target); err != nil {
		return err
	}
	if !b.ReadOnly {
		return nil
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, b.Target, unix.AT_RECURSIVE, &attr); err != nil {
		unix.Unmount(b.Target, unix.MNT_DETACH)
		return fmt.Errorf("read-only %s: %w", b.Target, err)
	}
	return nil
}

func makeTarget(target string, dir bool) error {
	if dir {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}

// mountFuse mounts the tree and returns the connection. The device is opened
// here because the kernel insists that opener and mounter share a user
// namespace (fs/fuse/inode.c fuse_fill_super).
func (v *view) mountFuse() (*os.File, error) {
	fd, err := unix.Open(v.FuseDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", v.FuseDevice, err)
	}
	f := os.NewFile(uintptr(fd), "fuse")
	opts := strings.Join([]string{
		fmt.Sprintf("fd=%d", fd), "rootmode=40000", "user_id=0", "group_id=0", "allow_other", "default_permissions",
	}, ",")
	if err := unix.Mount("linen", fuseDir, "fuse", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, opts); err != nil {
		f.Close()
		return nil, fmt.Errorf("mount: %w", err)
	}
	return f, nil
}

// coverProcNet mounts a symbolic link over the symbolic link /proc/net
// (-> self/net, which is another directory in every process).
func coverProcNet() error {
	if err := os.Symlink(fuseDir+"/net", netLink); err != nil {
		return err
	}
	fd, err := unix.OpenTree(unix.AT_FDCWD, netLink, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_SYMLINK_NOFOLLOW)
	if err != nil {
		return fmt.Errorf("open_tree: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, ViewProcNet, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("move_mount: %w", err)
	}
	return nil
}

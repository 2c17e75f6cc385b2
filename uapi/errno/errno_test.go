package errno

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

var _ net.Error = Errno(0)

func TestIsLikeSyscallErrno(t *testing.T) {
	for _, c := range []struct {
		e      Errno
		target error
		want   bool
	}{
		{ECONNREFUSED, syscall.ECONNREFUSED, true},
		{ECONNREFUSED, syscall.ECONNRESET, false},
		{EHOSTUNREACH, syscall.EHOSTUNREACH, true},
		{EPERM, os.ErrPermission, true},
		{EACCES, fs.ErrPermission, true},
		{ENOENT, os.ErrNotExist, true},
		{EEXIST, os.ErrExist, true},
		{EOPNOTSUPP, errors.ErrUnsupported, true},
		{ENOENT, os.ErrExist, false},
		{ETIMEDOUT, os.ErrDeadlineExceeded, errors.Is(syscall.ETIMEDOUT, os.ErrDeadlineExceeded)},
	} {
		err := fmt.Errorf("dial: %w", c.e)
		if got := errors.Is(err, c.target); got != c.want {
			t.Errorf("errors.Is(%s, %v) = %v", c.e.Name(), c.target, got)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{ECONNREFUSED.Error(), "Connection refused"},
		{ENETUNREACH.Error(), "Network is unreachable"},
		{EWOULDBLOCK.Error(), "Resource temporarily unavailable"},
		{Errno(4000).Error(), "Unknown error 4000"},
		{Errno(41).Error(), "Unknown error 41"},
		{EINVAL.Name(), "EINVAL"},
		{Errno(4000).Name(), "4000"},
	} {
		if c.got != c.want {
			t.Errorf("got %q want %q", c.got, c.want)
		}
	}
}

func TestOfFindsWrapped(t *testing.T) {
	if e, ok := Of(fmt.Errorf("x: %w", ENODEV)); !ok || e != ENODEV {
		t.Errorf("got %v %v", e, ok)
	}
	if _, ok := Of(errors.New("x")); ok {
		t.Error("found an Errno in a plain error")
	}
	if e, ok := Of(nil); !ok || e != 0 {
		t.Error("nil is not 0")
	}
	if !ETIMEDOUT.Timeout() || !EINTR.Temporary() || EINVAL.Temporary() {
		t.Error("net.Error methods")
	}
}

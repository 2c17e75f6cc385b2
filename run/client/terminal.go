//go:build linux

package client

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"linen/run/internal/msg"
)

// backgroundPoll is how often a job in the background looks whether it has come
// to the foreground: the kernel tells it only when it was stopped.
const backgroundPoll = 100 // milliseconds

// drainGrace is how long the output of programs that outlive the one we wait
// for is still copied. Without such programs the end of the output is exact.
const drainGrace = 250 * time.Millisecond

// terminal joins the user's terminal to the pseudo-terminal of a program.
type terminal struct {
	in, out *os.File // the user's
	master  *os.File
	inFD    int
	stop    *os.File // read end: ends the copying of input
	wake    *os.File
	output  sync.WaitGroup
	input   sync.WaitGroup
	drainer chan struct{} // closed when the output has ended

	mu    sync.Mutex // guards saved, which is set while the user's terminal is raw
	saved *unix.Termios
}

func isTerminal(f *os.File) bool {
	fd, err := msg.FD(f)
	if err != nil {
		return false
	}
	_, err = unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// openPTY makes a pseudo-terminal: our side, which never blocks a thread, and
// the program's.
func openPTY() (master, slave *os.File, err error) {
	m, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("client: /dev/ptmx: %w", err)
	}
	if err := unix.IoctlSetPointerInt(m, unix.TIOCSPTLCK, 0); err != nil {
		unix.Close(m)
		return nil, nil, fmt.Errorf("client: unlock the terminal: %w", err)
	}
	// By descriptor, not by name: /dev/pts may be another instance's.
	const flags = unix.O_RDWR | unix.O_NOCTTY | unix.O_CLOEXEC
	s, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(m), unix.TIOCGPTPEER, flags)
	if e != 0 {
		unix.Close(m)
		return nil, nil, fmt.Errorf("client: open the terminal: %w", e)
	}
	return os.NewFile(uintptr(m), "ptmx"), os.NewFile(s, "tty"), nil
}

// openTerminal makes a pseudo-terminal with the modes and the size of the
// user's, and returns the program's side of it.
func openTerminal(in, out *os.File) (*terminal, *os.File, error) {
	master, slave, err := openPTY()
	if err != nil {
		return nil, nil, err
	}
	t := &terminal{in: in, out: out, master: master, drainer: make(chan struct{})}
	if err := t.copyModes(slave); err != nil {
		master.Close()
		slave.Close()
		return nil, nil, fmt.Errorf("client: terminal modes: %w", err)
	}
	if t.stop, t.wake, err = os.Pipe(); err != nil {
		master.Close()
		slave.Close()
		return nil, nil, err
	}
	t.resize()
	return t, slave, nil
}

func (t *terminal) copyModes(slave *os.File) (err error) {
	if t.inFD, err = msg.FD(t.in); err != nil {
		return err
	}
	modes, err := unix.IoctlGetTermios(t.inFD, unix.TCGETS)
	if err != nil {
		return err
	}
	s, err := msg.FD(slave)
	if err != nil {
		return err
	}
	return unix.IoctlSetTermios(s, unix.TCSETS, modes)
}

// start makes the user's terminal raw and copies in both directions.
func (t *terminal) start() error {
	if err := t.raw(); err != nil {
		return err
	}
	t.output.Go(func() {
		defer close(t.drainer)
		io.Copy(t.out, t.master) // EIO when the last program has closed it
	})
	t.input.Go(t.copyInput)
	return nil
}

// copyInput waits by poll, because making the user's terminal non-blocking
// would make it so for the shell as well.
func (t *terminal) copyInput() {
	stop, err := msg.FD(t.stop)
	if err != nil {
		return
	}
	fds := []unix.PollFd{{Fd: int32(t.inFD), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	buf := make([]byte, 4096)
	background := !t.foreground()
	for {
		wait := -1
		fds[0].Events = unix.POLLIN
		if !t.foreground() { // to read now would stop this process (SIGTTIN)
			fds[0].Events, wait, background = 0, backgroundPoll, true
		} else if background {
			if t.raw() != nil {
				return
			}
			background = false
		}
		if _, err := unix.Poll(fds, wait); err != nil {
			if err == unix.EINTR {
				continue
			}
			return
		}
		if fds[1].Revents != 0 || fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0 && fds[0].Revents&unix.POLLIN == 0 {
			return
		}
		if fds[0].Revents&unix.POLLIN == 0 || !t.foreground() {
			continue
		}
		n, err := unix.Read(t.inFD, buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n == 0 {
			return // the user's terminal is gone; SIGHUP tells the program
		}
		if _, err := t.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

// drain waits for the rest of the output after the program's end.
func (t *terminal) drain() {
	t.master.SetReadDeadline(time.Now().Add(drainGrace))
	<-t.drainer
}

// foreground reports whether this process may read its terminal and set its
// modes: whether it is in the foreground process group, or the terminal is not
// its controlling one (tty_ioctl(4) TIOCGPGRP: ENOTTY).
func (t *terminal) foreground() bool {
	group, err := unix.IoctlGetInt(t.inFD, unix.TIOCGPGRP)
	return err != nil || group == unix.Getpgrp()
}

// raw passes every byte of the user's terminal through (cfmakeraw(3)). A job in
// the background leaves the terminal as it is; copyInput calls again when it
// has come to the foreground.
func (t *terminal) raw() error {
	if !t.foreground() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	modes, err := unix.IoctlGetTermios(t.inFD, unix.TCGETS)
	if err != nil {
		return fmt.Errorf("client: terminal modes: %w", err)
	}
	saved := *modes
	if t.saved != nil { // raw before, and perhaps cooked by a shell since
		saved = *t.saved
	}
	modes.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	modes.Oflag &^= unix.OPOST
	modes.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	modes.Cflag = modes.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	modes.Cc[unix.VMIN], modes.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(t.inFD, unix.TCSETS, modes); err != nil {
		return fmt.Errorf("client: raw terminal: %w", err)
	}
	t.saved = &saved
	return nil
}

// cook gives the user's terminal back its modes.
func (t *terminal) cook() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved != nil && t.foreground() {
		unix.IoctlSetTermios(t.inFD, unix.TCSETS, t.saved)
		t.saved = nil
	}
}

// resize gives the program's terminal the size of the user's; the kernel sends
// SIGWINCH when it changed.
func (t *terminal) resize() {
	size, err := unix.IoctlGetWinsize(t.inFD, unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	if m, err := msg.FD(t.master); err == nil {
		unix.IoctlSetWinsize(m, unix.TIOCSWINSZ, size)
	}
}

func (t *terminal) close() error {
	t.wake.Close()
	t.input.Wait()
	t.cook()
	err := errors.Join(t.master.Close(), t.stop.Close())
	t.output.Wait()
	return err
}

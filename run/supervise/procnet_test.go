//go:build linux

package supervise_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"linen/run/internal/runtest"
	"linen/run/nodeinit"
)

// Where opens are answered by path, /proc/PID/net is the network of that
// process, whoever asks: proc(5), /proc/pid/net. With a FUSE tree it is the
// host kernel's (docs/differences.md).
func TestNetworkOfAProcess(t *testing.T) {
	runtest.Everywhere(t, func(t *testing.T) {
		l := newLab(t)
		n, far := l.node(l.h1), l.node(l.h2)
		if n.Mode().FullTree() {
			t.Log("left out: this place has the FUSE tree")
			return
		}
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer null.Close()
		other, err := far.Exec(runtest.Context(t), nodeinit.Program{Argv: []string{"sleep", "1000"}, Env: []string{path}}, null, null, null)
		if err != nil {
			t.Fatal(err)
		}
		here, there := "|-- 10.0.0.1\n", "|-- 10.0.0.2\n"
		for _, tc := range []struct{ name, script, want, not string }{
			{"self", "cat /proc/self/net/fib_trie", here, there},
			{"thread-self", "cat /proc/thread-self/net/fib_trie", here, there},
			{"a number", "cat /proc/$$/net/fib_trie", here, there},
			{"a child", "sleep 1000 & cat /proc/$!/net/fib_trie; kill $!", here, there},
			{"a thread", "cat /proc/$$/task/$$/net/fib_trie", here, there},
			{"a program of another node", "cat /proc/$OTHER/net/fib_trie", there, here},
			{"its thread", "cat /proc/$OTHER/task/$OTHER/net/fib_trie", there, here},
			{"a directory", "ls /proc/$OTHER/net", "fib_trie\n", "eth0"},
			{"from within", "cd /proc/$OTHER/net; cat fib_trie", there, here},
			{"by a relative path", "cd /proc/$OTHER; cat net/fib_trie", there, here},
			{"whether it is there", "test -r /proc/$OTHER/net/dev && ! test -e /proc/$OTHER/net/nothing && echo yes", "yes\n", "no"},
			{"a thread of another process", "cat /proc/$$/task/$OTHER/net/dev 2>&1", "No such file", "eth0"},
			{"nobody", "sleep 0 & p=$!; wait; cat /proc/$p/net/dev 2>&1", "No such file", "eth0"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				out, _ := run(t, n, []string{"OTHER=" + strconv.Itoa(other.PID())}, "sh", "-c", tc.script)
				if !strings.Contains(out, tc.want) || strings.Contains(out, tc.not) {
					t.Errorf("%s: want %q and no %q:\n%s", tc.script, tc.want, tc.not, out)
				}
			})
		}
	})
}

package socktable

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var record = flag.Bool("record", false, "write the tables anew, from this machine's kernel")

// tables are the files of testdata.
func tables(t *testing.T) map[string][]*scenario {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no tables:", err)
	}
	all := map[string][]*scenario{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = parse(string(text))
	}
	return all
}

// differences are the lines whose result is not the table's.
func (s *scenario) differences(results []string) (n int, show func(t *testing.T)) {
	for i, l := range s.lines {
		if results[i] != l.want {
			n++
		}
	}
	return n, func(t *testing.T) {
		t.Helper()
		for i, l := range s.lines {
			if results[i] != l.want {
				t.Errorf("%s = %s, on Linux %s", l.text, results[i], l.want)
			}
		}
	}
}

// TestLinen: the tables on linen, on virtual time.
func TestLinen(t *testing.T) {
	for name, all := range tables(t) {
		for _, s := range all {
			t.Run(filepath.Base(name)+"/"+s.title, func(t *testing.T) {
				_, show := s.differences(s.play(newOurs(t)))
				show(t)
			})
		}
	}
}

package socktable

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"linen/test/command"
	"linen/test/need"
)

// knownFile lists the calls that under `linen run` have another result than on
// Linux: scenario, call, Linux's result, linen's, with tabs between.
const knownFile = "testdata/exec-differences.tsv"

var recordExec = flag.Bool("record-exec", false, "write the differences under linen run anew")

// playEnv, in the environment, has the test binary play the tables as a program
// and print what differs: "patience" or "patience scenario".
const playEnv = "LINEN_SOCKTABLE_PLAY"

func TestMain(m *testing.M) {
	if how, is := os.LookupEnv(playEnv); is {
		if err := playAsProgram(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// playAsProgram plays all scenarios, each in a process of its own, or one, with
// sockets of the kernel, or of who stands in for it.
func playAsProgram(how string) error {
	patience, only, _ := strings.Cut(how, " ")
	wait, err := time.ParseDuration(patience)
	if err != nil {
		return err
	}
	files, err := filepath.Glob("testdata/*.txt")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, s := range parse(string(text)) {
			title := filepath.Base(name) + "/" + s.title
			switch only {
			case title:
				return s.printDifferences(title, wait)
			case "":
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), playEnv+"="+how+" "+title)
				c.Stdout, c.Stderr = os.Stdout, os.Stderr
				if err := c.Run(); err != nil {
					return fmt.Errorf("%s: %w", title, err)
				}
			}
		}
	}
	return err
}

// printDifferences plays a scenario and prints the lines that differ.
func (s *scenario) printDifferences(title string, wait time.Duration) error {
	var results []string
	if err := onKernel(wait, func(k stack) { results = s.play(k) }); err != nil {
		return err
	}
	for i, l := range s.lines {
		if results[i] != l.want {
			fmt.Printf("%s\t%s\t%s\t%s\n", title, l.text, l.want, results[i])
		}
	}
	fmt.Printf("%s\tplayed\n", title)
	return nil
}

// byScenario groups lines by their first field; a scenario that only says that
// it was played has an empty list.
func byScenario(text string) map[string][]string {
	all := map[string][]string{}
	for l := range strings.Lines(text) {
		title, rest, _ := strings.Cut(strings.TrimRight(l, "\n"), "\t")
		if rest == "played" {
			all[title] = append([]string{}, all[title]...)
		} else {
			all[title] = append(all[title], rest)
		}
	}
	return all
}

// TestUnderLinenRun: what differs from Linux for an unmodified program, played
// by this test's binary under `linen run`, is known to (docs/differences.md):
// the list can only get shorter. A scenario with anything else gets more time,
// as a busy machine may be late; for the same reason a known difference that
// does not show is only reported.
func TestUnderLinenRun(t *testing.T) {
	if raced {
		t.Skip("plays in other processes; go test without -race runs this")
	}
	need.Tool(t, "ip")
	text, err := os.ReadFile(knownFile)
	if err != nil && !*recordExec {
		t.Fatal(err)
	}
	known, got := byScenario(string(text)), underLinenRun(t, 5*time.Millisecond, "")
	for title := range known {
		if got[title] == nil {
			t.Errorf("%s: known to differ, but there is no such scenario", title)
		}
	}
	var all []string
	for title, lines := range got {
		for _, patience := range []time.Duration{20 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond} {
			if extra, _ := compare(lines, known[title]); len(extra) == 0 {
				break
			}
			lines = underLinenRun(t, patience, title)[title]
		}
		for _, l := range lines {
			all = append(all, title+"\t"+l+"\n")
		}
		extra, gone := compare(lines, known[title])
		if len(extra) > 0 && !*recordExec {
			t.Errorf("%s: new differences (call, Linux, linen):\n\t%s", title, strings.Join(extra, "\n\t"))
		}
		for _, l := range gone {
			t.Logf("%s: did not differ: %s", title, l)
		}
	}
	if *recordExec && !t.Failed() {
		slices.Sort(all)
		if err := os.WriteFile(knownFile, []byte(strings.Join(all, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// underLinenRun plays all scenarios, or one, in a node of their own, and
// returns by scenario what differs.
func underLinenRun(t *testing.T, patience time.Duration, only string) map[string][]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, command.Linen(t), "run", "--", os.Args[0])
	c.Env = append(os.Environ(), strings.TrimSpace(playEnv+"="+patience.String()+" "+only))
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	c.WaitDelay = 10 * time.Second
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, out.String(), errs.String())
	}
	return byScenario(out.String())
}

// compare returns the lines that are not known to differ, and those that are
// but did not.
func compare(lines, known []string) (extra, gone []string) {
	gone = slices.Clone(known)
	for _, l := range lines {
		if i := slices.Index(gone, l); i >= 0 {
			gone = slices.Delete(gone, i, i+1)
		} else {
			extra = append(extra, l)
		}
	}
	return extra, gone
}

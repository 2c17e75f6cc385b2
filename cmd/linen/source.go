package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"linen/lab/clab"
	"linen/lab/kathara"
	"linen/lab/mininet"
)

// source says where a topology comes from: a containerlab file, a directory that holds one or is a Kathara lab, standard
// input, or one of Mininet's shapes.
type source struct {
	file string // -t
	topo string // --topo
}

func (s *source) flags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&s.file, "file", "t", "", "topology `FILE`, directory, or - for standard input")
	cmd.Flags().StringVar(&s.topo, "topo", "", "a Mininet `SHAPE` instead: single,N linear,N,K tree,DEPTH,FANOUT torus,X,Y")
	cmd.ValidArgsFunction = completeFile
	_ = cmd.MarkFlagFilename("file", "clab.yml", "clab.yaml", "yml", "yaml")
}

func completeFile(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return []string{"yml", "yaml"}, cobra.ShellCompDirectiveFilterFileExt
}

// load reads the topology that flags and arguments mean.
func (s *source) load(args []string, stdin io.Reader) (*clab.Topology, error) {
	if len(args) == 1 {
		if s.file != "" {
			return nil, usageError{errors.New("give the topology as an argument or with -t, not both")}
		}
		s.file = args[0]
	}
	switch {
	case s.topo != "" && s.file != "":
		return nil, usageError{errors.New("--topo and a file exclude each other")}
	case s.topo != "":
		t, err := mininet.Parse(s.topo)
		if err != nil {
			return nil, usageError{err}
		}
		return t, nil
	case s.file == "-":
		data, err := io.ReadAll(io.LimitReader(stdin, clab.MaxFileSize+1))
		if err != nil {
			return nil, err
		}
		return clab.Parse("-", data, os.LookupEnv)
	case s.file == "":
		return loadDir(".")
	}
	if st, err := os.Stat(s.file); err == nil && st.IsDir() {
		return loadDir(s.file)
	}
	return clab.ParseFile(s.file)
}

// loadDir reads the one topology of a directory: a containerlab file, or Kathara's lab.conf.
func loadDir(dir string) (*clab.Topology, error) {
	var found []string
	for _, pattern := range []string{"*.clab.yml", "*.clab.yaml"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		found = append(found, names...)
	}
	_, err := os.Stat(filepath.Join(dir, "lab.conf"))
	switch {
	case len(found) == 1:
		return clab.ParseFile(found[0])
	case len(found) > 1:
		return nil, usageError{fmt.Errorf("%d topologies in %s: name one", len(found), dir)}
	case err != nil:
		return nil, usageError{fmt.Errorf("no *.clab.yml and no lab.conf in %s: name a topology file", dir)}
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return kathara.Read(os.DirFS(dir), abs)
}

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"linen/lab"
	"linen/run/client"
)

// ranCommand is one command's result, with containerlab's names.
type ranCommand struct {
	Cmd    []string `json:"cmd"`
	Code   int      `json:"return-code"`
	Stdout string   `json:"stdout"`
	Stderr string   `json:"stderr"`
}

// execJSON runs argv in every node that the labels choose and prints the results by node.
func (r *running) execJSON(cmd *cobra.Command, argv, labels, env []string) error {
	if len(argv) == 0 {
		return usageError{errors.New("give a command: linen exec --all -- ip route")}
	}
	d, info, err := r.info(cmd.Context())
	if err != nil {
		return err
	}
	results := map[string][]ranCommand{}
	status := 0
	for _, node := range lab.SelectNodes(info.Topology, labels) {
		ran, err := captureOne(d, node, argv, env)
		if err != nil {
			return err
		}
		if ran.Code != 0 {
			status = ran.Code
		}
		results[node] = []ranCommand{ran}
	}
	out := json.NewEncoder(cmd.OutOrStdout())
	out.SetIndent("", "  ")
	if err := out.Encode(results); err != nil {
		return err
	}
	if status != 0 {
		return exitStatus(status)
	}
	return nil
}

// captureOne runs a program without input and keeps what it writes.
func captureOne(d *lab.Dir, node string, argv, env []string) (ranCommand, error) {
	ran := ranCommand{Cmd: argv}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return ran, err
	}
	defer null.Close()
	var texts [2]bytes.Buffer
	var ends [2]*os.File
	var copies sync.WaitGroup
	for i := range ends {
		r, w, err := os.Pipe()
		if err != nil {
			return ran, err
		}
		ends[i] = w
		defer w.Close()
		copies.Go(func() {
			defer r.Close()
			_, _ = io.Copy(&texts[i], r) // ends with the last writer
		})
	}
	c, err := client.Dial(d.ExecSocket())
	if err != nil {
		return ran, err
	}
	exit, err := client.Run(c, client.Request{API: client.API, Node: node, Program: program(argv, env)}, client.Stdio{In: null, Out: ends[0], Err: ends[1]})
	ends[0].Close()
	ends[1].Close()
	var failed *client.Error
	switch {
	case errors.As(err, &failed): // not found, not executable
		ran.Code = failed.Code
	case err != nil:
		return ran, err
	default:
		ran.Code = exit.ShellCode()
	}
	copies.Wait()
	ran.Stdout, ran.Stderr = texts[0].String(), texts[1].String()
	if failed != nil {
		ran.Stderr += failed.Text + "\n"
	}
	return ran, nil
}

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A rate is what one tool says of one turn, by name of the figure.
type rate map[string]float64

// compare runs turn on both sides in turns and prints the best of each figure.
func compare(s settings, server []string, figures []string, unit string, turn func(side) (rate, error)) error {
	all, err := sides()
	if err != nil {
		return err
	}
	defer closeAll(all)
	best := map[string]rate{}
	for _, sd := range all {
		p, err := sd.start(1, nil, server...)
		if err != nil {
			return err
		}
		defer p.kill()
		best[sd.name()] = rate{}
	}
	time.Sleep(500 * time.Millisecond) // the servers listen
	for range s.turns {
		for _, sd := range all {
			got, err := turn(sd)
			if err != nil {
				return fmt.Errorf("%s: %w", sd.name(), err)
			}
			for name, v := range got {
				best[sd.name()][name] = max(best[sd.name()][name], v)
			}
		}
	}
	for _, name := range figures {
		l, k := best["linen"][name], best["kernel"][name]
		fmt.Printf("%-28s linen %10.2f %s", name, l, unit)
		if k > 0 {
			fmt.Printf("   kernel %10.2f   ratio %.2f", k, l/k)
		}
		fmt.Println()
	}
	return nil
}

func iperf(s settings) error {
	return compare(s, []string{"iperf3", "-s"}, []string{"1 stream", "1 stream, reverse", "4 streams"}, "Gbit/s", func(sd side) (rate, error) {
		r := rate{}
		for name, more := range map[string][]string{"1 stream": nil, "1 stream, reverse": {"-R"}, "4 streams": {"-P", "4"}} {
			out, err := run(sd, 0, nil, append([]string{"iperf3", "-J", "-c", addrServer, "-t", strconv.Itoa(s.seconds)}, more...)...)
			if err != nil {
				return nil, err
			}
			var report struct {
				End struct {
					Received struct {
						Rate float64 `json:"bits_per_second"`
					} `json:"sum_received"`
				}
			}
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				return nil, fmt.Errorf("%w in %q", err, out)
			}
			r[name] = report.End.Received.Rate / 1e9
		}
		return r, nil
	})
}

var redisLine = regexp.MustCompile(`"([A-Z_]+)[^"]*","([0-9.]+)"`)

func redis(s settings) error {
	kinds := []string{"1 client", "50 clients", "50 clients, pipeline of 16"}
	var figures []string
	for _, kind := range kinds {
		figures = append(figures, "SET "+kind, "GET "+kind)
	}
	server := []string{"redis-server", "--save", "", "--appendonly", "no", "--bind", addrServer, "--protected-mode", "no", "--dir", "/tmp"}
	return compare(s, server, figures, "k/s", func(sd side) (rate, error) {
		r := rate{}
		for i, args := range [][]string{{"-c", "1", "-n", "5000"}, {"-c", "50", "-n", "20000"}, {"-c", "50", "-n", "100000", "-P", "16"}} {
			out, err := run(sd, 0, nil, append([]string{"redis-benchmark", "-h", addrServer, "-t", "set,get", "--csv"}, args...)...)
			if err != nil {
				return nil, err
			}
			for _, m := range redisLine.FindAllStringSubmatch(out, -1) {
				v, err := strconv.ParseFloat(m[2], 64)
				if err != nil {
					return nil, err
				}
				r[m[1]+" "+kinds[i]] = v / 1000
			}
		}
		return r, nil
	})
}

// nginxConf serves one small and one large file.
const nginxConf = `daemon off; worker_processes 1; pid %[1]s/pid; error_log /dev/null;
events { worker_connections 512; }
http { access_log off; sendfile on; root %[1]s;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  server { listen 80; } }
`

var wrkLine = regexp.MustCompile(`Requests/sec: +([0-9.]+)`)

func wrk(s settings) error {
	dir, err := os.MkdirTemp("", "linenbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		return err
	}
	for name, data := range map[string]string{
		"nginx.conf": fmt.Sprintf(nginxConf, dir), "small": "hello\n", "large": strings.Repeat("x", 1<<20),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			return err
		}
	}
	names := []string{"6 bytes, 16 connections", "1 MiB, 4 connections"}
	return compare(s, []string{"nginx", "-c", filepath.Join(dir, "nginx.conf")}, names, "requests/s", func(sd side) (rate, error) {
		r := rate{}
		for i, args := range [][]string{{"-c", "16", "http://" + addrServer + "/small"}, {"-c", "4", "http://" + addrServer + "/large"}} {
			out, err := run(sd, 0, nil, append([]string{"wrk", "-t", "1", "-d", strconv.Itoa(s.seconds)}, args...)...)
			if err != nil {
				return nil, err
			}
			m := wrkLine.FindStringSubmatch(out)
			if m == nil {
				return nil, fmt.Errorf("no rate in %q", out)
			}
			v, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return nil, err
			}
			r[names[i]] = v
		}
		return r, nil
	})
}

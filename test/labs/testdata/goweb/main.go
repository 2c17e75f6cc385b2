// Command goweb is a static Go program for TestApplications: with an address it
// serves HTTP there, with a URL it fetches it many times at once.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

const requests = 50

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arg string) error {
	if !strings.HasPrefix(arg, "http:") {
		return http.ListenAndServe(arg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "to %s: %s", r.RemoteAddr, strings.Repeat("go ", 10000))
		}))
	}
	// the runtime's own resolver, whatever nsswitch.conf says
	dialer := &net.Dialer{Resolver: &net.Resolver{PreferGo: true}}
	client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext}}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	results := make(chan error, requests)
	for range requests {
		go func() { results <- get(ctx, client, arg) }()
	}
	for range requests {
		if err := <-results; err != nil {
			return err
		}
	}
	names, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range names {
		addrs, err := i.Addrs()
		if err != nil {
			return err
		}
		fmt.Println(i.Name, i.Flags, addrs)
	}
	fmt.Printf("%d answers\n", requests)
	return nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && n < 30000 {
		err = fmt.Errorf("%d bytes of %s", n, url)
	}
	return err
}

package lab

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"linen/lab/clab"
)

// daemon serves handlers on a lab's socket until the test ends.
func daemon(t *testing.T, mux *http.ServeMux) *Client {
	t.Helper()
	s := testState(t)
	d, err := s.Acquire("api")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", d.Socket())
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	c, err := Dial(d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		srv.Close()
		<-done
		if err := d.Release(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestClientAndHandlers(t *testing.T) {
	info := sample()
	info.Topology.Nodes = []*clab.Node{{Name: "h1", Kind: "linux", StartupDelay: time.Second}}
	info.Topology.Links = []*clab.Link{{Type: clab.LinkVeth, Endpoints: []clab.Endpoint{{Node: "h1", Interface: "eth1", IPv4: netip.MustParsePrefix("10.0.1.2/24")}}}}
	mux := http.NewServeMux()
	mux.HandleFunc(PathInfo, Handle(func(context.Context, struct{}) (Info, error) { return info, nil }))
	mux.HandleFunc(PathLink, Handle(func(_ context.Context, c LinkChange) (LinkStatus, error) {
		switch c.Node {
		case "h1":
			return LinkStatus{Ends: []LinkEnd{{Node: c.Node, Interface: c.Interface, Impair: *c.Impair}}}, nil
		case "broken":
			return LinkStatus{}, errors.New("engine trouble")
		}
		return LinkStatus{}, &APIError{"no node " + c.Node}
	}))
	c := daemon(t, mux)
	var got Info
	if err := c.Call(t.Context(), PathInfo, nil, &got); err != nil || !reflect.DeepEqual(got, info) {
		t.Errorf("info: %v\ngot  %+v\nwant %+v", err, got, info)
	}
	imp := clab.Impairment{Delay: time.Millisecond, Loss: 1.5}
	var st LinkStatus
	if err := c.Call(t.Context(), PathLink, LinkChange{Node: "h1", Interface: "eth1", Impair: &imp}, &st); err != nil || st.Ends[0].Impair != imp {
		t.Errorf("link: %+v, %v", st, err)
	}
	for _, r := range []struct {
		path string
		in   any
		want string
	}{
		{PathLink, LinkChange{Node: "x"}, "no node x"},
		{PathLink, LinkChange{Node: "broken"}, "engine trouble"},
		{PathLink, map[string]int{"nodes": 1}, "unknown field"},
		{PathLink, nil, "method GET"},
		{PathInfo, LinkChange{}, "method POST"},
		{"/v1/nowhere", nil, "404"},
	} {
		var refusal *APIError
		if err := c.Call(t.Context(), r.path, r.in, nil); !errors.As(err, &refusal) || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.path, err, r.want)
		}
	}
}

func TestClientTellsThatNobodyAnswers(t *testing.T) {
	s := testState(t)
	d, err := s.Acquire("dead")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Release()
	c, err := Dial(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Call(t.Context(), PathInfo, nil, nil); err == nil || !strings.Contains(err.Error(), "lab dead does not answer") {
		t.Errorf("error %v", err)
	}
}

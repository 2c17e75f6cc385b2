package lab

import (
	"fmt"
	"net/netip"
	"time"

	"linen/lab/clab"
)

// APIVersion is the number of the protocol between client and daemon. It rises with every change that an older
// side would misread; the paths below carry it.
const APIVersion = 1

// Paths of the API: HTTP/JSON on the lab's socket.
const (
	PathInfo = "/v1/info" // GET: Info
	PathDown = "/v1/down" // POST DownRequest: ends the lab; the reply comes when nothing is left
	PathLink = "/v1/link" // POST LinkChange: LinkStatus

	PathEvents = "/v1/events" // GET: a stream of Event, one JSON object a line
)

// DownRequest asks for the lab's end.
type DownRequest struct{}

// Info is the state of a lab.
type Info struct {
	API      int            `json:"api"`
	Version  string         `json:"version"`
	Topology *clab.Topology `json:"topology"`
	File     string         `json:"file"`
	PID      int            `json:"pid"`
	Started  time.Time      `json:"started"`
	Owner    string         `json:"owner"`
	Nodes    []NodeStatus   `json:"nodes"`
}

// NodeStatus is the state of one node.
type NodeStatus struct {
	Name       string            `json:"name"`
	Kind       string            `json:"kind"`
	State      string            `json:"state"`            // starting, running, failed
	Health     string            `json:"health,omitempty"` // healthy, unhealthy, starting; "" without a healthcheck
	Programs   int               `json:"programs"`         // running now
	Jobs       []Job             `json:"jobs,omitempty"`   // programs in the background, by log
	Interfaces []InterfaceStatus `json:"interfaces,omitempty"`
}

// InterfaceStatus is one interface of a node.
type InterfaceStatus struct {
	Name   string         `json:"name"`
	Alias  string         `json:"alias"`
	MAC    string         `json:"mac"`
	Index  int            `json:"ifindex"`
	MTU    int            `json:"mtu"`
	Type   string         `json:"type"`
	State  string         `json:"state"` // up, down
	Addrs  []netip.Prefix `json:"addresses,omitempty"`
	Impair string         `json:"impair,omitempty"`
}

// LinkChange changes one end of a link while the lab runs. Nil leaves a thing as it is.
type LinkChange struct {
	Node      string           `json:"node"`
	Interface string           `json:"interface"`
	Up        *bool            `json:"up,omitempty"`
	Impair    *clab.Impairment `json:"impair,omitempty"`
	BothEnds  bool             `json:"both-ends,omitempty"`
}

// LinkStatus is both ends of a link.
type LinkStatus struct {
	Ends []LinkEnd `json:"ends"`
}

// LinkEnd is one end of a link and what it does to frames that it sends.
type LinkEnd struct {
	Node      string          `json:"node"`
	Interface string          `json:"interface"`
	State     string          `json:"state"`
	Impair    clab.Impairment `json:"impair,omitzero"`
}

// APIError is the body of every reply that is not a success.
type APIError struct {
	Message string `json:"error"`
}

// Error is the daemon's message.
func (e *APIError) Error() string { return e.Message }

// CheckAPI compares a daemon's API number with ours. A daemon of another number can only be told to go.
func CheckAPI(m Meta) error {
	switch {
	case m.API == APIVersion:
		return nil
	case m.API > APIVersion:
		return fmt.Errorf("lab %s runs under a newer linen (%s): use that one, or end the lab with kill %d", m.Name, m.Version, m.PID)
	}
	return fmt.Errorf("lab %s runs under an older linen (%s): linen down --lab %s, then up again", m.Name, m.Version, m.Name)
}

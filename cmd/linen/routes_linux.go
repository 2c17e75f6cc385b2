package main

import (
	"context"
	"encoding/json"
	"net/http"

	"linen/lab"
	"linen/lab/clab"
	"linen/lab/engine"
	"linen/why"
)

// Paths of the API that the binary adds to package lab's.
const (
	pathWhy     = "/v1/why"      // POST whyRequest: why.Report
	pathWhyLive = "/v1/why/live" // POST whyRequest: a stream of why.Event, one JSON object a line
)

// whyRequest is a question: the words behind `linen why`.
type whyRequest struct {
	Words []string `json:"words"`
}

// service is a running lab as the API's handlers see it.
type service struct {
	topo *clab.Topology
	e    *engine.Engine
	hist *why.History
}

// routes adds to a lab's API what needs the stack.
func (s *service) routes(mux *http.ServeMux) {
	mux.HandleFunc(pathMetrics, s.metrics)
	mux.HandleFunc(pathWhy, lab.Handle(s.why))
	mux.HandleFunc(pathWhyLive, s.whyLive)
	mux.HandleFunc(pathCapture, s.capture)
	mux.HandleFunc(pathDmesg, lab.Handle(s.dmesg))
}

// dmesg is a node's kernel log, a message an element.
func (s *service) dmesg(_ context.Context, r dmesgRequest) ([]string, error) {
	n := s.e.Net(r.Node)
	if n == nil {
		return nil, &lab.APIError{Message: "no node " + r.Node}
	}
	list := []string{}
	for _, m := range n.KernelLog() {
		list = append(list, m.String())
	}
	return list, nil
}

// metrics is what Prometheus reads.
func (s *service) metrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_ = s.e.Metrics(w) // a client that went away needs no reply
}

// nodes are the lab's networks by name.
func (s *service) nodes() []why.Node {
	var list []why.Node
	for _, name := range s.e.Names() {
		list = append(list, why.Node{Name: name, Net: s.e.Net(name).Namespace()})
	}
	return list
}

// why answers a dry run.
func (s *service) why(_ context.Context, r whyRequest) (*why.Report, error) {
	q, ok, err := why.ParseQuery(r.Words)
	switch {
	case err != nil:
		return nil, &lab.APIError{Message: err.Error()}
	case !ok:
		return nil, &lab.APIError{Message: "not a question about one packet"}
	}
	from, err := lab.ResolveNode(s.topo, q.From)
	if err != nil {
		return nil, &lab.APIError{Message: err.Error()}
	}
	report, err := why.Walk(s.nodes(), from, q.Flow, s.hist)
	if err != nil {
		return nil, &lab.APIError{Message: err.Error()}
	}
	return report, nil
}

// whyLive streams what happens in a node, or in all of them.
func (s *service) whyLive(w http.ResponseWriter, r *http.Request) {
	var ask whyRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&ask); err != nil || len(ask.Words) != 2 {
		http.Error(w, `{"error":"request: a node and a filter"}`, http.StatusBadRequest)
		return
	}
	nodes, filter, err := s.watched(ask.Words[0], ask.Words[1])
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(&lab.APIError{Message: err.Error()}) // a client that went away needs no reply
		return
	}
	watcher := why.NewWatcher(nodes, filter, s.hist)
	defer watcher.Close()
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	flush := http.NewResponseController(w)
	if flush.Flush() != nil {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	watcher.Run(ctx, func(e why.Event) {
		if why.WriteJSON(w, e) != nil || flush.Flush() != nil {
			cancel()
		}
	})
}

// watched resolves a node's name ("" is every node) and a filter.
func (s *service) watched(word, text string) ([]why.Node, why.Filter, error) {
	filter, err := why.ParseFilter(text)
	if err != nil {
		return nil, filter, err
	}
	if word == "" {
		return s.nodes(), filter, nil
	}
	name, err := lab.ResolveNode(s.topo, word)
	if err != nil {
		return nil, filter, err
	}
	return []why.Node{{Name: name, Net: s.e.Net(name).Namespace()}}, filter, nil
}

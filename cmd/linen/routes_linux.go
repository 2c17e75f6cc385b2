package main

import (
	"net/http"

	"linen/lab/clab"
	"linen/lab/engine"
)

// routes adds to a lab's API what needs the stack.
func routes(topo *clab.Topology, e *engine.Engine) func(*http.ServeMux) {
	return func(mux *http.ServeMux) {}
}

package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// maxBody bounds a reply; the largest is the Info of a lab of many nodes.
const maxBody = 256 << 20

// Client speaks to one lab's daemon.
type Client struct {
	http *http.Client
	name string
}

// Dial makes a client of a running lab's daemon. It refuses a daemon of another API number; connecting waits for the first
// call. A daemon that is still starting has published no number yet and is asked as it is.
func Dial(d *Dir) (*Client, error) {
	if m, err := d.Meta(); err == nil {
		if err := CheckAPI(m); err != nil {
			return nil, err
		}
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.Socket())
	}
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, name: d.Name}, nil
}

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Call does one exchange: GET when in is nil, else POST with in as JSON. out may be nil. A refusal is an *APIError.
func (c *Client) Call(ctx context.Context, path string, in, out any) error {
	method, body := http.MethodGet, io.Reader(nil)
	if in != nil {
		data, err := json.Marshal(in)
		if err != nil {
			return err
		}
		method, body = http.MethodPost, bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("the daemon of lab %s does not answer: %w", c.name, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return fmt.Errorf("the daemon of lab %s broke off: %w", c.name, err)
	}
	if resp.StatusCode != http.StatusOK {
		refusal := &APIError{}
		if json.Unmarshal(data, refusal) != nil || refusal.Message == "" {
			refusal.Message = fmt.Sprintf("%s: %s", path, resp.Status)
		}
		return refusal
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(data, out)
}

// Stream posts a request whose reply is a stream, such as JSON lines; the caller closes it. An in that is an io.Reader is sent
// as it is, while the reply comes.
func (c *Client) Stream(ctx context.Context, path string, in any) (io.ReadCloser, error) {
	body, ok := in.(io.Reader)
	if !ok {
		data, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lab"+path, body)
	if err != nil {
		return nil, err
	}
	req.Close = true // a daemon that has said no does not wait for the rest of the request
	return c.open(req)
}

// Get asks for a reply that is not JSON, such as metrics; the caller closes it.
func (c *Client) Get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lab"+path, nil)
	if err != nil {
		return nil, err
	}
	return c.open(req)
}

// open returns the body of a reply that is a success.
func (c *Client) open(req *http.Request) (io.ReadCloser, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("the daemon of lab %s does not answer: %w", c.name, err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	refusal := &APIError{}
	if json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(refusal) != nil || refusal.Message == "" {
		refusal.Message = fmt.Sprintf("%s: %s", req.URL.Path, resp.Status)
	}
	return nil, refusal
}

// Events calls f for every event of bringing the lab up, from the first, until the lab is ready or failed, and returns
// the last one.
func (c *Client) Events(ctx context.Context, f func(Event)) (Event, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://lab"+PathEvents, nil)
	if err != nil {
		return Event{}, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return Event{}, fmt.Errorf("the daemon of lab %s does not answer: %w", c.name, err)
	}
	defer resp.Body.Close()
	for dec := json.NewDecoder(resp.Body); ; {
		var e Event
		if err := dec.Decode(&e); err != nil {
			return e, fmt.Errorf("the daemon of lab %s ended while the lab came up: %w", c.name, err)
		}
		if e.Node == "" {
			return e, nil
		}
		f(e)
	}
}

// Handle makes an API handler of a function from request to reply. An error becomes an APIError with status 400 when it is an
// *APIError, 500 otherwise. Handlers whose request is struct{} take GET, all others POST.
func Handle[In, Out any](f func(context.Context, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		_, empty := any(in).(struct{})
		switch {
		case empty != (r.Method == http.MethodGet):
			reply(w, http.StatusMethodNotAllowed, &APIError{"method " + r.Method + " is not for " + r.URL.Path})
			return
		case !empty:
			dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&in); err != nil {
				reply(w, http.StatusBadRequest, &APIError{"request: " + err.Error()})
				return
			}
		}
		out, err := f(r.Context(), in)
		var refusal *APIError
		switch {
		case errors.As(err, &refusal):
			reply(w, http.StatusBadRequest, refusal)
		case err != nil:
			reply(w, http.StatusInternalServerError, &APIError{err.Error()})
		default:
			reply(w, http.StatusOK, out)
		}
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"error":"the reply cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that went away needs no reply
}

package conversation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"linen/uapi"
	"linen/uapi/errno"
)

// An Invocation is a call: made = object.method(args) = want.
type Invocation struct {
	Made, Object, Method string
	Args                 []string
	Want                 string // "": that it succeeds
}

// methods are the calls and how many arguments they take.
var methods = map[string][2]int{
	"socket":   {0, 0}, // s = socket()
	"bind":     {0, 1}, // port; 8080
	"listen":   {1, 1}, // backlog
	"accept":   {0, 0}, // c = s.accept()
	"connect":  {0, 1}, // connection; 1
	"write":    {1, 4}, // bytes, then oob, more, fastopen; all of them unless it says = N
	"read":     {1, 4}, // at most bytes, then peek, oob, trunc; = N
	"shutdown": {1, 1}, // rd, wr, rdwr
	"close":    {0, 0},
	"set":      {2, 3}, // option, value
	"get":      {1, 1}, // option; = value
	"error":    {0, 0}, // SO_ERROR; = name or 0
	"poll":     {0, 0}, // = IN,OUT or -
	"state":    {0, 0}, // = ESTABLISHED
	"info":     {1, 1}, // field of TCP_INFO; = value
	"inq":      {0, 0}, // SIOCINQ
	"outq":     {0, 0}, // SIOCOUTQ
	"unsent":   {0, 0}, // SIOCOUTQNSD
	"atmark":   {0, 0}, // SIOCATMARK
	"count":    {1, 1}, // net.count(counter); = value
}

func parseCall(line string) (c Invocation, err error) {
	bad := fmt.Errorf("want: [name =] object.method(arguments) [= result]")
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return c, bad
	}
	head := strings.Fields(line[:open])
	if len(head) == 3 && head[1] == "=" {
		c.Made, head = head[0], head[2:]
	}
	if len(head) != 1 {
		return c, bad
	}
	c.Object, c.Method, _ = strings.Cut(head[0], ".")
	if c.Object == "socket" && c.Method == "" {
		c.Object, c.Method = "", "socket"
	}
	for _, a := range strings.Split(line[open+1:end], ",") {
		if a = strings.TrimSpace(a); a != "" {
			c.Args = append(c.Args, a)
		} else if strings.TrimSpace(line[open+1:end]) != "" {
			return c, bad
		}
	}
	if tail := strings.Fields(line[end+1:]); len(tail) == 2 && tail[0] == "=" {
		c.Want = tail[1]
	} else if len(tail) != 0 {
		return c, bad
	}
	return c, c.check()
}

func (c *Invocation) check() error {
	n, ok := methods[c.Method]
	switch {
	case !ok || (c.Object == "") != (c.Method == "socket"):
		return fmt.Errorf("no method %q", c.Method)
	case len(c.Args) < n[0] || len(c.Args) > n[1]:
		return fmt.Errorf("%s takes %d to %d arguments", c.Method, n[0], n[1])
	case (c.Made != "") != (c.Method == "socket" || c.Method == "accept" && (c.Want == "" || c.Made != "")):
		return fmt.Errorf("a socket needs a name, and nothing else has one")
	case (c.Method == "set" || c.Method == "get") && options[c.Args[0]] == [2]int{}:
		return fmt.Errorf("no option %q", c.Args[0])
	case c.Method == "info" && infoFields[c.Args[0]] == [2]int{}:
		return fmt.Errorf("no field %q", c.Args[0])
	}
	flags := map[string]bool{"oob": true, "more": true, "fastopen": true, "peek": true, "trunc": true}
	for i, a := range c.Args {
		switch c.Method {
		case "write", "read":
			if i > 0 && !flags[a] {
				return fmt.Errorf("no flag %q", a)
			}
			if i > 0 {
				continue
			}
		case "set":
			if i == 0 || c.Args[0] == "TCP_CONGESTION" {
				continue
			}
		case "shutdown":
			if !slices.Contains(directions[:], a) {
				return fmt.Errorf("no direction %q", a)
			}
			continue
		case "get", "info", "count":
			continue
		}
		if v, err := strconv.Atoi(a); err != nil || v > 1<<24 || v < -1<<24 {
			return fmt.Errorf("%q is no number", a)
		}
	}
	return nil
}

// directions are shutdown's by number.
var directions = [...]string{"rd", "wr", "rdwr"}

// options are the socket options that scripts know: level and number.
var options = map[string][2]int{
	"SO_LINGER": {uapi.SOL_SOCKET, uapi.SO_LINGER}, "SO_KEEPALIVE": {uapi.SOL_SOCKET, uapi.SO_KEEPALIVE},
	"SO_RCVBUF": {uapi.SOL_SOCKET, uapi.SO_RCVBUF}, "SO_SNDBUF": {uapi.SOL_SOCKET, uapi.SO_SNDBUF},
	"SO_OOBINLINE": {uapi.SOL_SOCKET, uapi.SO_OOBINLINE}, "SO_REUSEADDR": {uapi.SOL_SOCKET, uapi.SO_REUSEADDR},
	"SO_RCVLOWAT": {uapi.SOL_SOCKET, uapi.SO_RCVLOWAT}, "IP_MTU_DISCOVER": {uapi.SOL_IP, uapi.IP_MTU_DISCOVER},
	"IP_RECVERR": {uapi.SOL_IP, uapi.IP_RECVERR}, "IP_MINTTL": {uapi.SOL_IP, uapi.IP_MINTTL}, "IP_TOS": {uapi.SOL_IP, uapi.IP_TOS},
	"TCP_NODELAY": {6, uapi.TCP_NODELAY}, "TCP_CORK": {6, uapi.TCP_CORK}, "TCP_MAXSEG": {6, uapi.TCP_MAXSEG},
	"TCP_KEEPIDLE": {6, uapi.TCP_KEEPIDLE}, "TCP_KEEPINTVL": {6, uapi.TCP_KEEPINTVL}, "TCP_KEEPCNT": {6, uapi.TCP_KEEPCNT},
	"TCP_SYNCNT": {6, uapi.TCP_SYNCNT}, "TCP_LINGER2": {6, uapi.TCP_LINGER2}, "TCP_DEFER_ACCEPT": {6, uapi.TCP_DEFER_ACCEPT},
	"TCP_WINDOW_CLAMP": {6, uapi.TCP_WINDOW_CLAMP}, "TCP_QUICKACK": {6, uapi.TCP_QUICKACK}, "TCP_CONGESTION": {6, uapi.TCP_CONGESTION},
	"TCP_USER_TIMEOUT": {6, uapi.TCP_USER_TIMEOUT}, "TCP_FASTOPEN": {6, uapi.TCP_FASTOPEN},
	"TCP_FASTOPEN_CONNECT": {6, uapi.TCP_FASTOPEN_CONNECT}, "TCP_FASTOPEN_NO_COOKIE": {6, uapi.TCP_FASTOPEN_NO_COOKIE},
	"TCP_NOTSENT_LOWAT": {6, uapi.TCP_NOTSENT_LOWAT}, "TCP_THIN_LINEAR_TIMEOUTS": {6, uapi.TCP_THIN_LINEAR_TIMEOUTS},
	"TCP_RTO_MAX_MS": {6, uapi.TCP_RTO_MAX_MS},
}

// infoFields are the offset and size of TCP_INFO's fields (linux/tcp.h).
var infoFields = map[string][2]int{
	"state": {0, 1}, "ca_state": {1, 1}, "retransmits": {2, 1}, "probes": {3, 1}, "backoff": {4, 1}, "options": {5, 1},
	"rto": {8, 4}, "ato": {12, 4}, "snd_mss": {16, 4}, "rcv_mss": {20, 4}, "unacked": {24, 4}, "sacked": {28, 4}, "lost": {32, 4},
	"retrans": {36, 4}, "pmtu": {60, 4}, "ssthresh": {76, 4}, "cwnd": {80, 4}, "advmss": {84, 4}, "reordering": {88, 4},
	"total_retrans": {100, 4}, "bytes_acked": {120, 8}, "bytes_received": {128, 8}, "segs_out": {136, 4}, "segs_in": {140, 4},
	"notsent": {144, 4}, "data_segs_in": {152, 4}, "data_segs_out": {156, 4}, "delivered": {192, 4}, "delivered_ce": {196, 4},
	"bytes_sent": {200, 8}, "bytes_retrans": {208, 8}, "dsack_dups": {216, 4}, "reord_seen": {220, 4}, "rcv_ooopack": {224, 4},
	"total_rto": {240, 2}, "total_rto_recoveries": {242, 2}, "received_ce": {248, 4}, "received_e1_bytes": {264, 4},
	"received_e0_bytes": {268, 4}, "received_ce_bytes": {272, 4},
}

// stateNames are the states by number.
var stateNames = [...]string{"?", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK",
	"LISTEN", "CLOSING"}

// pollNames are poll's events by bit.
var pollNames = [...]string{"IN", "PRI", "OUT", "ERR", "HUP", "NVAL", "RDNORM", "RDBAND", "WRNORM", "WRBAND", "", "", "", "RDHUP"}

// pollText names events without those that only repeat others.
func pollText(ev int) string {
	var names []string
	for i, n := range pollNames {
		if ev>>i&1 != 0 && n != "RDNORM" && n != "WRNORM" {
			names = append(names, n)
		}
	}
	if names == nil {
		return "-"
	}
	return strings.Join(names, ",")
}

// intOf is an argument that check has seen to be a number.
func intOf(args []string, i, def int) int {
	if i >= len(args) {
		return def
	}
	v, _ := strconv.Atoi(args[i])
	return v
}

// messageFlags are the flags of a read or a write.
func messageFlags(args []string) (flags int) {
	for _, a := range args[1:] {
		flags |= map[string]int{"oob": uapi.MSG_OOB, "more": uapi.MSG_MORE, "fastopen": uapi.MSG_FASTOPEN, "peek": uapi.MSG_PEEK,
			"trunc": uapi.MSG_TRUNC}[a]
	}
	return flags
}

// optionValue is the bytes that set gives.
func optionValue(args []string) []byte {
	if args[0] == "TCP_CONGESTION" {
		return []byte(args[1])
	}
	v := le.AppendUint32(nil, uint32(intOf(args, 1, 0)))
	if len(args) == 3 {
		v = le.AppendUint32(v, uint32(intOf(args, 2, 0)))
	}
	return v
}

// errorName is an error as scripts write it.
func errorName(err error) string {
	if e, ok := errno.Of(err); ok {
		return e.Name()
	}
	return err.Error()
}

package netlink

import (
	"errors"
	"fmt"

	"linen/uapi/errno"
)

// An ExtAck is an error with what an extended acknowledgement tells of it
// (struct netlink_ext_ack). It is an error; errors.Is and errors.As see its
// Errno.
type ExtAck struct {
	Errno errno.Errno
	Msg   string // NLMSGERR_ATTR_MSG; "": none

	offset   uint32 // of the bad attribute; 0: none
	rule     *Rule  // that it broke, or nil
	missType int    // required attribute; 0: none
	missNest uint32 // where it is missing; 0: in the message itself
	cookie   []byte
}

// Error returns the text, or the error number's.
func (x *ExtAck) Error() string {
	if x.Msg != "" {
		return x.Msg
	}
	return x.Errno.Error()
}

// Unwrap returns the error number.
func (x *ExtAck) Unwrap() error { return x.Errno }

// Offset returns where in the message the bad attribute begins, or 0.
func (x *ExtAck) Offset() uint32 { return x.offset }

// Errorf returns an error with a text for the requester (NL_SET_ERR_MSG).
func Errorf(e errno.Errno, format string, args ...any) *ExtAck {
	return &ExtAck{Errno: e, Msg: fmt.Sprintf(format, args...)}
}

// ErrorAt returns an error about the attribute a, with a text unless it is
// empty (NL_SET_ERR_MSG_ATTR, NL_SET_BAD_ATTR).
func ErrorAt(e errno.Errno, a Attr, format string, args ...any) *ExtAck {
	return &ExtAck{Errno: e, Msg: fmt.Sprintf(format, args...), offset: a.off}
}

// Missing returns an EINVAL that says the attribute typ is missing, in nest or,
// when that is absent, in the message itself (NL_REQ_ATTR_CHECK).
func Missing(nest Attr, typ int) *ExtAck {
	return &ExtAck{Errno: errno.EINVAL, missType: typ, missNest: nest.off}
}

// Retitle returns err with another text: number, offset and policy stay, as when
// NL_SET_ERR_MSG follows a failed parse.
func Retitle(err error, text string) *ExtAck {
	x := new(ExtAck)
	x.merge(err)
	x.Msg = text
	return x
}

// ErrnoOf returns the error number that answers err: the Errno in it, or EINVAL
// for an error without one; 0 for nil.
func ErrnoOf(err error) errno.Errno {
	var e errno.Errno
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e
	}
	return errno.EINVAL
}

// merge takes over what err says where x says nothing, and err's number.
func (x *ExtAck) merge(err error) {
	x.Errno = ErrnoOf(err)
	var o *ExtAck
	if !errors.As(err, &o) {
		return
	}
	if o.Msg != "" {
		x.Msg = o.Msg
	}
	if o.offset != 0 {
		x.offset, x.rule = o.offset, o.rule
	}
	if o.missType != 0 {
		x.missType, x.missNest = o.missType, o.missNest
	}
	if o.cookie != nil {
		x.cookie = o.cookie
	}
}

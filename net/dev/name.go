package dev

import (
	"strconv"
	"strings"

	"linen/uapi/errno"
)

// ValidName reports whether s can be a device's name (dev_valid_name).
func ValidName(s string) bool {
	if s == "" || len(s) > maxName || s == "." || s == ".." {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c == '/' || c == ':' || c == ' ' || '\t' <= c && c <= '\r' || c == 0xa0 {
			return false // isspace counts Latin-1's no-break space
		}
	}
	return true
}

const (
	maxName    = 15    // IFNAMSIZ with its NUL
	maxAltName = 127   // ALTIFNAMSIZ with its NUL
	maxNumber  = 32768 // numbers that a %d may become
)

// freeName returns name when it is valid and free in s, or d's own. One with a
// %d gets the lowest free number (dev_prep_valid_name). EINVAL, EEXIST,
// ENFILE.
func freeName(s *state, name string, d *Device) (string, error) {
	if !ValidName(name) {
		return "", errno.EINVAL
	}
	before, after, pattern := strings.Cut(name, "%")
	if !pattern {
		if o := s.ifx.find(name); o != nil && (o != d || d.Name() != name) {
			return "", errno.EEXIST
		}
		return name, nil
	}
	if !strings.HasPrefix(after, "d") || strings.Contains(after[1:], "%") {
		return "", errno.EINVAL
	}
	for i := range maxNumber {
		try := before + strconv.Itoa(i) + after[1:]
		if len(try) > maxName {
			break
		}
		if s.ifx.find(try) == nil {
			return try, nil
		}
	}
	return "", errno.ENFILE
}

// find returns the device with a name, or nil.
func (t *table) find(name string) *Device {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[name]
}

package clab

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// source is one file's text, as written and as substituted, with the way back from a substituted place to the
// place a person sees in an editor.
type source struct {
	file  string
	orig  string
	text  string
	edits []edit // ascending
	lines []int  // offsets in orig at which lines begin
	out   []int  // the same for text

	outer  *source // the file this text is a block scalar of, or nil
	from   int     // lines of outer before the text
	indent int     // columns of outer before the text
}

// edit says that text[out:out+outLen] came from orig[in:in+inLen].
type edit struct{ out, outLen, in, inLen int }

// newSource substitutes variables in a file's text. lookup is os.LookupEnv in production.
func newSource(file, orig string, lookup func(string) (string, bool)) *source {
	s := &source{file: file, orig: strings.TrimPrefix(orig, "\ufeff")}
	s.substitute(lookup)
	s.lines, s.out = lineStarts(s.orig), lineStarts(s.text)
	return s
}

func lineStarts(s string) []int {
	starts := []int{0}
	for i := range len(s) {
		if s[i] == '\n' {
			starts = append(starts, i+1)
		}
	}
	return starts
}

func (s *source) substitute(lookup func(string) (string, bool)) {
	var b strings.Builder
	in := s.orig
	for i := 0; i < len(in); {
		next := strings.IndexByte(in[i:], '$')
		if next < 0 {
			b.WriteString(in[i:])
			break
		}
		b.WriteString(in[i : i+next])
		i += next
		val, n := expand(in[i:], lookup)
		if n > 0 {
			s.edits = append(s.edits, edit{b.Len(), len(val), i, n})
		} else {
			val, n = "$", 1
		}
		b.WriteString(val)
		i += n
	}
	s.text = b.String()
}

// expand reads one reference at the start of s and returns its value and its length, or length 0 when the text
// is to stay as it is: not a reference, or a variable that is not set and has no default.
func expand(s string, lookup func(string) (string, bool)) (string, int) {
	if strings.HasPrefix(s, "$$") {
		return "$", 2
	}
	if !strings.HasPrefix(s, "${") {
		name := varName(s[1:])
		if val, ok := lookup(name); ok && name != "" {
			return val, 1 + len(name)
		}
		return "", 0
	}
	end := strings.IndexAny(s, "}\n")
	name := varName(s[2:])
	if end < 0 || s[end] != '}' || name == "" {
		return "", 0
	}
	val, set := lookup(name)
	op := s[2+len(name) : end]
	switch {
	case op == "" && set:
		return val, end + 1
	case strings.HasPrefix(op, ":-"), strings.HasPrefix(op, ":="):
		if val == "" {
			val = op[2:]
		}
		return val, end + 1
	case strings.HasPrefix(op, "-"), strings.HasPrefix(op, "="):
		if !set {
			val = op[1:]
		}
		return val, end + 1
	case strings.HasPrefix(op, ":+"), strings.HasPrefix(op, "+"):
		if set && (op[0] == '+' || val != "") {
			return strings.TrimLeft(op, ":+"), end + 1
		}
		return "", end + 1
	}
	return "", 0
}

func varName(s string) string {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return s[:n]
}

// pos maps a line and column of the substituted text to the file as written.
func (s *source) pos(line, col int) Pos {
	if s.outer != nil {
		return s.outer.pos(line+s.from, col+s.indent)
	}
	if len(s.edits) == 0 {
		return Pos{line, col}
	}
	if line < 1 || line > len(s.out) {
		return Pos{len(s.lines), 1}
	}
	off := advance(s.text, s.out[line-1], col-1)
	k := sort.Search(len(s.edits), func(i int) bool { return s.edits[i].out > off }) - 1
	if k >= 0 {
		if e := s.edits[k]; off < e.out+e.outLen {
			off = e.in
		} else {
			off += e.in + e.inLen - e.out - e.outLen
		}
	}
	return s.at(off)
}

// at is the place of a byte offset of the file as written.
func (s *source) at(off int) Pos {
	l := sort.Search(len(s.lines), func(i int) bool { return s.lines[i] > off }) - 1
	return Pos{l + 1, utf8.RuneCountInString(s.orig[s.lines[l]:min(off, len(s.orig))]) + 1}
}

// advance moves n characters on from a byte offset.
func advance(s string, off, n int) int {
	for ; n > 0 && off < len(s); n-- {
		_, w := utf8.DecodeRuneInString(s[off:])
		off += w
	}
	return off
}

// line is the source line of that number of the whole file, as written.
func (s *source) line(n int) string {
	if s.outer != nil {
		return s.outer.line(n)
	}
	if n < 1 || n > len(s.lines) {
		return ""
	}
	end := len(s.orig)
	if n < len(s.lines) {
		end = s.lines[n]
	}
	return strings.TrimRight(s.orig[s.lines[n-1]:end], "\r\n")
}

func (s *source) errorAt(m mark, msg, help string) *Error {
	return &Error{File: s.file, Pos: m.Pos, Width: m.width, Msg: msg, Help: help, Source: s.line(m.Line)}
}

// shift makes an inner text (a block scalar of outer that begins after line n) answer with the outer file's places.
func (s *source) shift(n int, outer *source) {
	s.outer, s.from = outer, n
	for s.indent = 0; n < len(outer.lines); n++ {
		if l := outer.line(n + 1); strings.TrimSpace(l) != "" {
			s.indent = len(l) - len(strings.TrimLeft(l, " "))
			return
		}
	}
}

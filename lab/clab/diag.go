package clab

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pos is a place in the topology file; both count from 1, columns in characters. The zero Pos is "nowhere".
type Pos struct {
	Line int `json:"line"`
	Col  int `json:"col"`
}

func (p Pos) compare(q Pos) int {
	return cmp.Or(cmp.Compare(p.Line, q.Line), cmp.Compare(p.Col, q.Col))
}

// mark is a Pos and how many characters to underline there.
type mark struct {
	Pos
	width int
}

// Note is a remark about something accepted but without effect here.
type Note struct {
	File string `json:"file,omitempty"`
	Pos  Pos    `json:"pos"`
	Text string `json:"text"`
}

// String is the note as one line, "file:line:col: text".
func (n Note) String() string { return place(n.File, n.Pos) + n.Text }

func place(file string, p Pos) string {
	if file == "" {
		file = "topology"
	}
	if p.Line == 0 {
		return file + ": "
	}
	return fmt.Sprintf("%s:%d:%d: ", file, p.Line, p.Col)
}

// Error is one mistake in a topology file. Error() is several lines: place and message, the source line with a
// caret below the mistake, and what to do instead.
type Error struct {
	File   string `json:"file,omitempty"`
	Pos    Pos    `json:"pos"`
	Msg    string `json:"message"`
	Help   string `json:"help,omitempty"`
	Source string `json:"source,omitempty"` // the line of the file at Pos
	Width  int    `json:"-"`                // characters to underline
}

// Error formats the mistake for a person.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(place(e.File, e.Pos) + e.Msg)
	if e.Pos.Line > 0 && strings.TrimSpace(e.Source) != "" {
		line, pad, width := excerpt(e.Source, e.Pos.Col, e.Width)
		fmt.Fprintf(&b, "\n%5d | %s\n      | %s%s", e.Pos.Line, line, pad, strings.Repeat("^", width))
	}
	if e.Help != "" {
		b.WriteString("\n      = " + e.Help)
	}
	return b.String()
}

const maxExcerpt = 120 // characters of a source line that an error shows

// excerpt cuts a source line for display and returns it, the blanks before the caret (tabs kept, so that the caret stands
// below its character), and the caret's width.
func excerpt(line string, col, width int) (text, pad string, carets int) {
	runes := []rune(strings.TrimRight(line, "\r\n"))
	col = min(max(col, 1), len(runes)+1)
	if from := col - maxExcerpt/2; from > 0 && len(runes) > maxExcerpt {
		runes = append([]rune("..."), runes[from:]...)
		col = col - from + 3
	}
	runes = runes[:min(len(runes), maxExcerpt)]
	var p strings.Builder
	for i, r := range runes {
		if r < ' ' && r != '\t' {
			runes[i] = ' '
		}
		if i < col-1 {
			if r == '\t' {
				p.WriteByte('\t')
			} else {
				p.WriteByte(' ')
			}
		}
	}
	return string(runes), p.String(), min(max(width, 1), max(len(runes)-col+1, 1))
}

// Errors is every mistake found in one file, in file order.
type Errors []*Error

const maxErrors = 20 // printed at once; a broken file often repeats one mistake

// Error prints the first mistakes, each as [Error.Error] does.
func (es Errors) Error() string {
	var parts []string
	for i, e := range es {
		if i == maxErrors {
			parts = append(parts, fmt.Sprintf("and %d more", len(es)-maxErrors))
			break
		}
		parts = append(parts, e.Error())
	}
	return strings.Join(parts, "\n")
}

// Unwrap lets errors.As find a single *Error.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Nearest is the name most like a mistyped word, or "" when none is near.
func Nearest(word string, names []string) string {
	best, dist := "", max(utf8.RuneCountInString(word)/3, 1)+1
	if utf8.RuneCountInString(word) > 64 {
		return ""
	}
	for _, n := range names {
		if d := editDistance(strings.ToLower(word), strings.ToLower(n)); d < dist {
			best, dist = n, d
		}
	}
	return best
}

func didYouMean(word string, names []string) string {
	if n := Nearest(word, names); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return ""
}

// editDistance is the optimal string alignment distance: insertions, deletions, changes and swaps of neighbours.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	older, prev := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		cur := make([]int, len(y)+1)
		cur[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				cur[j] = min(cur[j], older[j-2]+1)
			}
		}
		older, prev = prev, cur
	}
	return prev[len(y)]
}

package clab

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits that keep a hostile or broken file from eating the machine.
const (
	MaxFileSize = 4 << 20 // bytes, before and after substitution
	MaxNodes    = 100_000
	maxValues   = 4_000_000 // YAML values counted with every alias expanded
	maxFlow     = 64        // nested [ and {
	maxIndent   = 512       // columns before a line's first token; bounds block nesting
	maxInline   = 16        // "- - -", "? ?", anchors and tags on one line
)

// value is a YAML value with its place. Aliases share the value of their anchor.
type value struct {
	kind  valueKind
	text  string // scalars, unquoted
	plain bool   // a scalar that was not quoted
	mark  mark
	pairs []pair
	items []*value
	size  int // values below and including this one, aliases expanded
}

type valueKind uint8

const (
	nullValue valueKind = iota
	scalarValue
	mapValue
	listValue
)

func (k valueKind) String() string {
	return [...]string{"nothing", "a single value", "a map", "a list"}[k]
}

type pair struct {
	key string
	at  mark
	val *value
}

// get is the value under a key, or nil.
func (v *value) get(key string) *value {
	for i := range v.pairs {
		if v.pairs[i].key == key {
			return v.pairs[i].val
		}
	}
	return nil
}

// tree parses the substituted text into values.
func (s *source) tree() (root *value, err *Error) {
	if len(s.text) > MaxFileSize {
		return nil, s.errorAt(mark{}, fmt.Sprintf("the file is larger than %d MiB", MaxFileSize>>20), "")
	}
	defer func() { // the YAML library is not ours: a bug in it must not end a daemon
		if p := recover(); p != nil {
			root, err = nil, s.errorAt(mark{}, fmt.Sprintf("the YAML reader gave up: %v", p), "")
		}
	}()
	tokens := lexer.Tokenize(s.text)
	if err := s.checkNesting(tokens); err != nil {
		return nil, err
	}
	file, perr := parser.Parse(tokens, 0)
	if perr != nil {
		return nil, s.syntaxError(perr)
	}
	b := &builder{src: s, anchors: map[string]*value{}}
	for _, d := range file.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		v := b.build(d.Body)
		if b.err != nil {
			return nil, b.err
		}
		if root != nil {
			return nil, s.errorAt(v.mark, "a second YAML document begins here", "one file describes one lab: split the file")
		}
		root = v
	}
	if root == nil {
		return nil, s.errorAt(mark{}, "the file is empty", "write at least `name:` and `topology:`")
	}
	return root, nil
}

func (s *source) syntaxError(err error) *Error {
	var se *yaml.SyntaxError
	if !errors.As(err, &se) || se.Token == nil {
		return s.errorAt(mark{}, err.Error(), "")
	}
	help := ""
	if len(se.Token.Value) > 0 && se.Token.Value[0] == '\t' || se.Message == "found character '\t' that cannot start any token" {
		help = "YAML is indented with blanks, never with tabs"
	}
	return s.errorAt(s.tokenMark(se.Token), se.Message, help)
}

func (s *source) tokenMark(t *token.Token) mark {
	p := t.Position
	width := len([]rune(t.Value))
	if t.Type == token.DoubleQuoteType || t.Type == token.SingleQuoteType {
		width += 2
	}
	at := s.pos(p.Line, max(p.Column, 1))
	if len(s.edits) > 0 { // a substituted token is as wide as what stands in the file
		if end := s.pos(p.Line, max(p.Column, 1)+width); end.Line == at.Line && end.Col > at.Col {
			width = end.Col - at.Col
		}
	}
	return mark{at, width}
}

// checkNesting refuses depth that the recursive parser below it would follow to the end of its stack.
func (s *source) checkNesting(tokens token.Tokens) *Error {
	flow, line, inline := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, inline = t.Position.Line, 0
			if flow == 0 && t.Position.Column > maxIndent && t.Type != token.CommentType {
				return s.errorAt(s.tokenMark(t), "nested too deeply", "")
			}
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			if flow == 0 {
				inline++
			}
		}
		if flow > maxFlow || inline > maxInline {
			return s.errorAt(s.tokenMark(t), "nested too deeply", "")
		}
	}
	return nil
}

// builder turns the library's syntax tree into values.
type builder struct {
	src     *source
	anchors map[string]*value
	total   int
	err     *Error
}

func (b *builder) fail(n ast.Node, msg, help string) *value {
	if b.err == nil {
		b.err = b.src.errorAt(b.src.tokenMark(n.GetToken()), msg, help)
	}
	return &value{}
}

func (b *builder) build(n ast.Node) *value {
	if b.err != nil {
		return &value{}
	}
	v := b.one(n)
	if v.size == 0 {
		v.size = 1
	}
	if b.total++; b.total > maxValues || v.size > maxValues {
		return b.fail(n, "aliases expand to more than "+fmt.Sprint(maxValues)+" values", "")
	}
	return v
}

func (b *builder) one(n ast.Node) *value {
	v := &value{mark: b.src.tokenMark(n.GetToken()), kind: scalarValue}
	switch n := n.(type) {
	case *ast.NullNode:
		v.kind = nullValue
	case *ast.StringNode:
		v.text = n.Value
		v.plain = n.Token.Type == token.StringType
	case *ast.LiteralNode:
		v.text = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		v.text, v.plain = n.GetToken().Value, true
	case *ast.TagNode:
		if n.Value == nil {
			return b.fail(n, "a tag without a value", "")
		}
		return b.build(n.Value)
	case *ast.AnchorNode:
		in := b.build(n.Value)
		b.anchors[n.Name.GetToken().Value] = in
		return in
	case *ast.AliasNode:
		name := n.Value.GetToken().Value
		in, ok := b.anchors[name]
		if !ok {
			return b.fail(n, fmt.Sprintf("no anchor &%s stands before this alias", name), "")
		}
		return in
	case *ast.SequenceNode:
		v.kind = listValue
		for _, it := range n.Values {
			in := b.build(it)
			v.items = append(v.items, in)
			v.size += in.size
		}
	case *ast.MappingNode:
		b.fill(v, n.Values)
	case *ast.MappingValueNode:
		b.fill(v, []*ast.MappingValueNode{n})
	default:
		return b.fail(n, "this YAML construct has no meaning in a topology", "")
	}
	return v
}

// fill adds the pairs of a map; keys merged by << yield to those written out.
func (b *builder) fill(v *value, nodes []*ast.MappingValueNode) {
	v.kind = mapValue
	var merged []*value
	for _, mv := range nodes {
		in := b.build(mv.Value)
		v.size += in.size + 1
		if _, ok := mv.Key.(*ast.MergeKeyNode); ok {
			if in.kind == listValue {
				merged = append(merged, in.items...)
			} else {
				merged = append(merged, in)
			}
			continue
		}
		kn := ast.Node(mv.Key)
		if k, ok := mv.Key.(*ast.MappingKeyNode); ok {
			kn = k.Value
		}
		key := b.build(kn)
		if key.kind != scalarValue && b.err == nil {
			b.fail(kn, "a key must be a single value", "")
		}
		v.pairs = append(v.pairs, pair{key.text, key.mark, in})
	}
	if len(v.pairs) > 0 {
		v.mark = v.pairs[0].at
	}
	if len(merged) > 0 {
		b.merge(v, merged)
	}
}

func (b *builder) merge(v *value, from []*value) {
	have := make(map[string]bool, len(v.pairs))
	for _, p := range v.pairs {
		have[p.key] = true
	}
	for _, m := range from {
		if m.kind != mapValue && b.err == nil {
			b.err = b.src.errorAt(m.mark, "<< takes a map, here is "+m.kind.String(), "")
		}
		for _, p := range m.pairs {
			if !have[p.key] {
				have[p.key] = true
				v.pairs = append(v.pairs, p)
			}
		}
	}
}

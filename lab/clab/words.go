package clab

import (
	"errors"
	"strings"
)

// splitWords splits a command line as a POSIX shell would group it (2.2 Quoting), without any expansion.
func splitWords(line string) ([]string, error) {
	var words []string
	var cur strings.Builder
	inWord := false
	var quote byte
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '\\':
			cur.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\':
			if i+1 == len(line) {
				return nil, errors.New("a backslash at the end escapes nothing")
			}
			i++
			if quote == '"' && !strings.ContainsRune("$`\"\\\n", rune(line[i])) {
				cur.WriteByte('\\')
			}
			cur.WriteByte(line[i])
			inWord = true
		case c == '\'' || c == '"':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			if inWord {
				words = append(words, cur.String())
				cur.Reset()
				inWord = false
			}
		default:
			cur.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, errors.New("a " + string(quote) + " is not closed")
	}
	if inWord {
		words = append(words, cur.String())
	}
	return words, nil
}

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// titles are the chapters' names.
var titles = map[string]string{
	"1":  "Chapter 1: devices, packet buffers, receive and transmit paths",
	"2":  "Chapter 2: netlink",
	"3":  "Chapter 3: ICMPv4, ping sockets",
	"4":  "Chapter 4: IPv4",
	"5":  "Chapter 5: IPv4 routing",
	"6":  "Chapter 6: IGMP, multicast routing, policy routing, multipath",
	"7":  "Chapter 7: neighbours",
	"8":  "Chapter 8: IPv6",
	"9":  "Chapter 9: netfilter",
	"10": "Chapter 10: IPsec",
	"11": "Chapter 11: sockets and transports",
	"12": "Chapter 12: wireless",
	"13": "Chapter 13: InfiniBand",
	"14": "Chapter 14: further subjects",
	"B":  "Appendix B: the tools, unmodified",
}

// pageName is the file of a chapter: ch05.md, appb.md.
func pageName(chapter string) string {
	if chapter == "B" {
		return "appb.md"
	}
	return fmt.Sprintf("ch%02s.md", chapter)
}

// render returns every page by its file name.
func render(rows []row) map[string][]byte {
	byChapter := map[string][]row{}
	var order []string
	for _, r := range rows {
		c := r.chapter()
		if byChapter[c] == nil {
			order = append(order, c)
		}
		byChapter[c] = append(byChapter[c], r)
	}
	pages := map[string][]byte{}
	for _, c := range order {
		pages[pageName(c)] = page(c, byChapter[c])
	}
	pages["README.md"] = index(order, byChapter)
	return pages
}

const generated = "<!-- Generated from rows.tsv by `make features`; edit that. -->\n\n"

func page(chapter string, rows []row) []byte {
	var b bytes.Buffer
	b.WriteString(generated)
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n", titles[chapter], counts(rows))
	b.WriteString("| | feature | pri | linen | kernel 6.18 | refkernel | shown by |\n|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		shown := make([]string, 0, len(r.tests)+1)
		for _, name := range r.tests {
			shown = append(shown, "`"+name+"`")
		}
		if r.note != "" {
			shown = append(shown, cell(r.note))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n",
			r.id, cell(r.title), r.pri, r.linen, cell(r.kernel), cell(r.refkernel), strings.Join(shown, ", "))
	}
	return b.Bytes()
}

// cell keeps a bar from ending a table's cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func index(order []string, byChapter map[string][]row) []byte {
	var b bytes.Buffer
	b.WriteString(generated)
	b.WriteString("# What linen does\n\n" +
		"A row is `yes` when linen does what Linux does and the named test passed in the last run; `part` when the note says what is missing. " +
		"Under kernel 6.18, `seen` means that the behaviour was observed on a running kernel.\n\n" +
		"| | must | should | rare |\n|---|---|---|---|\n")
	for _, c := range order {
		fmt.Fprintf(&b, "| [%s](%s) |", titles[c], pageName(c))
		for _, pri := range []string{"M", "S", "R"} {
			done, all := tally(byChapter[c], pri)
			fmt.Fprintf(&b, " %d of %d |", done, all)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// tally counts the rows of a priority that are yes, and all but n/a.
func tally(rows []row, pri string) (done, all int) {
	for _, r := range rows {
		if r.pri != pri || r.linen == "n/a" {
			continue
		}
		all++
		if r.linen == "yes" {
			done++
		}
	}
	return done, all
}

func counts(rows []row) string {
	n := map[string]int{}
	for _, r := range rows {
		n[r.linen]++
	}
	var parts []string
	for _, state := range slices.Sorted(slices.Values([]string{"yes", "part", "no", "n/a"})) {
		if n[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[state], state))
		}
	}
	slices.Reverse(parts)
	return fmt.Sprintf("%d rows: %s", len(rows), strings.Join(parts, ", "))
}

// Package deps holds linen's import policy and house rules as data, and the
// tests that enforce them.
//
// policy_test.go is the statement of policy: the rank of every package, who may
// import what and why, which calls are banned where, how long a function may
// be. source_test.go parses the whole module with go/parser in this process;
// it starts no other program and needs no build. rules_test.go, style_test.go
// and tests_test.go compare the two, and every complaint names file and line.
//
// When a rule fails, the code is what changes. Where the policy itself is
// wrong, its data changes with the reason beside it; an interface is never
// added to dodge a rank.
package deps

// Package labs holds the tests of whole labs: the linen binary, topology files
// and real programs, as a user meets them. Each test has a state directory of
// its own, and a test fails when its labs leave a process, a mount or a file.
//
// Not done: labs on several machines.
package labs

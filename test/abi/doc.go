// Package abi compares what sockets answer with tables recorded on a real
// kernel. The programs that recorded them stand beside the tables in testdata.
package abi

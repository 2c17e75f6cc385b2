// Package interop compares linen with the machine's own kernel, and with a
// reference kernel in a virtual machine, through unmodified programs: the same
// commands on both, the same wire between both, and what may not be seen from
// inside. It has tests only.
package interop

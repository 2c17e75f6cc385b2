// Package tap is an Ethernet device whose cable ends in a TAP interface of the
// machine's own kernel: the way between a namespace of linen and the real
// network, and the wire on which both stacks are compared.
//
// Making a TAP interface needs CAP_NET_ADMIN in the network namespace that it
// is made in; who lacks it is handed the file by somebody who has it.
//
// Linux files: drivers/net/tun.c, include/uapi/linux/if_tun.h. Not done: vnet
// headers and with them offloads, several queues. Only Linux has it: elsewhere
// the package is empty.
package tap

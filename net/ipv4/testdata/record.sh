#!/bin/bash
# Records a transcript from this machine's kernel: record.sh < x.cmds > x.txt,
# as root. A line is an argument list of ip, or "sysctl -qw KEY=VALUE". The
# namespace is that of newHost: lo, and veth devices a0 (up, with its peer) and
# a1 (down).
exec unshare -n bash -c '
ip link add a0p type veth peer name a0
ip link add a1p type veth peer name a1
for d in lo a0p a0; do ip link set $d up; done
sleep 0.2
while read -r line; do
	case $line in
	""|\#*) ;;
	cat*) echo "\$ $line"; cat /proc/net/${line#cat } ;;
	sysctl*) echo "\$ $line"; $line 2>&1 ;;
	*) echo "\$ ip $line"; ip -4 $line 2>&1 ;;
	esac
done'

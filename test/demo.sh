#!/usr/bin/env bash
# `make demo`: brings up examples/first.clab.yml, pings across it with the real
# ping, breaks a route, asks why, and tears the lab down. Where ip or ping is
# not on the machine it builds u-root's, which are static Go programs, and
# where DEMO_UROOT=1 asks for them.
set -u
cd "$(dirname "$0")/.." || exit 1
export PATH=$PWD/bin:$PATH:/usr/sbin:/sbin

if [ "${DEMO_UROOT:-}" = 1 ] || ! command -v ip >/dev/null || ! command -v ping >/dev/null; then
	echo "building u-root's ip and ping"
	mkdir -p bin/u-root
	(cd tools && CGO_ENABLED=0 go build -o ../bin/u-root/ \
		github.com/u-root/u-root/cmds/core/ip github.com/u-root/u-root/cmds/core/ping) || exit 1
	PATH=$PWD/bin/u-root:$PATH
fi

failed=0
show() { # runs a command that must work
	printf '\n$ %s\n' "$*"
	"$@" && return
	echo "demo: this should have worked (exit $?)" >&2
	failed=1
}
breaks() { # runs a command that must not work
	printf '\n$ %s\n' "$*"
	"$@" || return 0
	echo "demo: this should have failed" >&2
	failed=1
}

# The demo's lab is alone, whatever other labs this user has up.
XDG_RUNTIME_DIR=$(mktemp -d)
export XDG_RUNTIME_DIR

up=0
down() {
	local code=0
	[ "$up" = 1 ] && { linen down || code=1; }
	up=0
	return $code
}
trap 'down; rm -rf "$XDG_RUNTIME_DIR"' EXIT
trap 'exit 130' INT TERM

show linen up examples/first.clab.yml -d
[ "$failed" = 0 ] || exit 1
up=1
show linen ps
show linen exec h1 -- ip addr
show linen exec r1 -- ip route
show linen exec h1 -- ping -c 3 10.2.0.2
show linen exec h1 -- ip neigh

show linen exec r1 -- ip route del 10.2.0.0/24
breaks linen exec h1 -- ping -c 1 -w 2 10.2.0.2
show linen why r1 10.2.0.2
show linen exec r1 -- ip route add 10.2.0.0/24 via 10.0.0.2
show linen exec h1 -- ping -c 1 10.2.0.2

printf '\n$ linen down\n'
down || failed=1
[ "$failed" = 0 ] && printf '\nIt works. See README.md for what else to try.\n'
exit $failed

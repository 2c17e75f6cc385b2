#!/usr/bin/env bash
# Sees to the real programs that the tests run: installs what is missing from
# test/packages.txt when root on Debian, fails in CI when something stays
# missing, and elsewhere says what is left out.
set -u
cd "$(dirname "$0")" || exit 1
PATH=$PATH:/usr/sbin:/sbin

missing() { # prints the packages whose program is not there
	grep -v '^#' packages.txt | while read -r package program; do
		if [ "$program" = - ]; then
			dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
		elif ! command -v "$program" >/dev/null; then
			echo "$package"
		fi
	done
}

install() { # three tries: mirrors have bad moments
	export DEBIAN_FRONTEND=noninteractive
	local try
	for try in 1 2 3; do
		# shellcheck disable=SC2086
		apt-get update -q >/dev/null 2>&1 && apt-get install -q -y --no-install-recommends $1 >/tmp/linen-apt.$$ 2>&1 && break
		echo "tools: apt-get, try $try of 3 failed" >&2
		tail -n 5 /tmp/linen-apt.$$ >&2 2>/dev/null
		sleep $((try * 5))
	done
	rm -f /tmp/linen-apt.$$
}

want=$(missing | tr '\n' ' ')
if [ -n "$want" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "tools: installing $want"
	install "$want"
	want=$(missing | tr '\n' ' ')
fi
[ -z "$want" ] && exit 0
echo "tools: not on this machine: $want"
if [ "${CI:-}" = true ]; then
	echo "tools: in CI nothing may be left out" >&2
	exit 1
fi
echo "tools: tests that need them will be skipped, each with its reason"

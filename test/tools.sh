#!/usr/bin/env bash
# Sees to the real programs that the tests run: installs what is missing from
# test/packages.txt when root on Debian, fails in CI when something stays
# missing, and elsewhere says what is left out.
set -u
cd "$(dirname "$0")" || exit 1
PATH=$PATH:/usr/sbin:/sbin

missing() { # prints the packages whose program is not there
	grep -v '^#' packages.txt | while read -r package program _; do
		if [ "$program" = - ]; then
			dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || echo "$package"
		elif ! command -v "$program" >/dev/null; then
			echo "$package"
		fi
	done
}

export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt() { # apt PACKAGE...: three tries, mirrors have bad moments
	local try
	[ $# -gt 0 ] || return 0
	if [ ! -e /usr/sbin/policy-rc.d ]; then # no service starts: the tests start what they need
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
		trap 'rm -f "$log" /usr/sbin/policy-rc.d' EXIT
	fi
	for try in 1 2 3; do
		apt-get update -q >"$log" 2>&1 && apt-get install -q -y --no-install-recommends "$@" >"$log" 2>&1 && return
		echo "tools: apt-get, try $try of 3 failed" >&2
		tail -n 5 "$log" >&2
		sleep $((try * 3))
	done
	for package in "$@"; do # one that is not to be had must not keep the others away
		apt-get install -q -y --no-install-recommends "$package" >"$log" 2>&1 || tail -n 2 "$log" >&2
	done
}

unpack() { # unpack PACKAGE...: the programs of packages that cannot be installed beside the others
	local package dir
	for package in "$@"; do
		dir=$(mktemp -d) && chmod 755 "$dir"
		if (cd "$dir" && apt-get download "$package" >"$log" 2>&1 && dpkg-deb -x "$package"_*.deb .); then
			install -t /usr/local/sbin "$dir"/usr/sbin/*
		else
			tail -n 2 "$log" >&2
		fi
		rm -rf "$dir"
	done
}

of() { # of KIND PACKAGE...: those that are to be installed, or to be unpacked
	local kind=$1 package
	shift
	for package in "$@"; do
		if grep -q "^$package .* unpack\$" packages.txt; then
			[ "$kind" = unpack ] && echo "$package"
		elif [ "$kind" = install ]; then
			echo "$package"
		fi
	done
}

want=$(missing | tr '\n' ' ')
if [ -n "$want" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "tools: installing $want"
	# shellcheck disable=SC2046,SC2086 # lists of names
	apt $(of install $want)
	# shellcheck disable=SC2046,SC2086
	unpack $(of unpack $want)
	want=$(missing | tr '\n' ' ')
fi
[ -z "$want" ] && exit 0
echo "tools: not on this machine: $want"
if [ "${CI:-}" = true ]; then
	echo "tools: in CI nothing may be left out" >&2
	exit 1
fi
echo "tools: tests that need them will be skipped, each with its reason"

#!/usr/bin/env bash
# Runs the tests: test/run.sh test|race [PACKAGE...]
# Keeps the JSON of the run in test-results/MODE.json, from which docs/features
# is generated, and ends with "N passed, N failed, N skipped". In CI a test that
# fails is run again, twice at most; one that passes then is called FLAKY.
set -u
cd "$(dirname "$0")/.." || exit 1
mode=$1
shift
[ $# -gt 0 ] || set -- ./...

flags=(-p 2)
case $mode in
test) flags+=(-timeout 15m) ;;
race) flags+=(-race -timeout 20m) ;;
*)
	echo "run.sh: test or race, not $mode" >&2
	exit 2
	;;
esac
[ "${CI:-}" = true ] && flags+=(-count=1)

rerun=()
if [ "${CI:-}" = true ]; then
	rerun=(--rerun-fails=2 --rerun-fails-max-failures=10)
fi
mkdir -p test-results
rm -f "test-results/$mode.json" "test-results/$mode.goapi.json" "test-results/$mode.rerun.json"

sum=$(go tool -n -modfile=tools/go.mod gotestsum) || exit 1
tests() { # tests JSON PACKAGES (of the module in this folder)
	"$sum" --format pkgname --format-hide-empty-pkg --hide-summary=skipped \
		--jsonfile "$1" "${rerun[@]}" --packages="$2" -- "${flags[@]}"
}
tests "test-results/$mode.json" "$*"
code=$?
json=("test-results/$mode.json")

# A package that ended in a panic or at its time limit is not run again by
# gotestsum; in CI a few such packages get one more chance, as a whole.
if [ $code -ne 0 ] && [ "${CI:-}" = true ]; then
	again=$(go run ./internal/testreport -failing "${json[@]}" | tr '\n' ' ')
	if [ -n "$again" ] && [ "$(wc -w <<<"$again")" -le 3 ]; then
		echo "again: $again"
		tests "test-results/$mode.rerun.json" "$again"
		code=$?
		json+=("test-results/$mode.rerun.json")
	fi
fi

# test/goapi is a module of its own, because its tests need others' modules.
if [ "$*" = ./... ]; then
	(cd test/goapi && tests "../../test-results/$mode.goapi.json" ./...) || code=1
	json+=("test-results/$mode.goapi.json")
fi

go run ./internal/testreport -flaky "test-results/flaky-$mode.txt" "${json[@]}" || code=1
cat test-results/flaky-*.txt >test-results/flaky.txt
exit $code

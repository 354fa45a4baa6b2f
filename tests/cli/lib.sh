# shellcheck shell=bash
# What the tests of the command line share: the program, a folder of one's own,
# verdicts.  To be sourced; the shell then stands in $work, which is empty and
# goes when the test ends.  A test ends with `finish`.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-build}
[[ $build == /* ]] || build=$root/$build
supernet=$build/supernet
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0 skipped=0
export OMP_NUM_THREADS=1 XDG_CACHE_HOME=$work/cache

# A failed one is told with what the last command said.
verdict() { # NAME STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
        head -n 40 out err 2>/dev/null | sed 's/^/    /'
    fi
}

skip() { # WHY [HOW MANY]
    skipped=$((skipped + ${2:-1}))
    echo "skipped: $1"
}

# expect CODE 'REGEX' ARGUMENTS...: the status, and what stderr says.  A status
# of 128 and more would be a signal.
expect() {
    local code=$1 text=$2 got
    shift 2
    timeout 300 "$supernet" "$@" >out 2>err </dev/null
    got=$?
    [ $got -eq "$code" ] && LC_ALL=C grep -qaE -- "$text" err
    verdict "supernet $*: status $got, expected $code; '$text'" $?
}

# shows 'REGEX' ARGUMENTS...: ends well, and stdout says so.
shows() {
    local text=$1
    shift
    timeout 300 "$supernet" "$@" >out 2>err </dev/null && LC_ALL=C grep -qaE -- "$text" out
    verdict "supernet $* shows '$text'" $?
}

# What a run found, without the times it took.
results() { # RUN
    grep -v '_seconds"' "$1/result.json"
}

finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}

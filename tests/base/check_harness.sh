#!/usr/bin/env bash
# run.sh counts what programs report, and takes neither silence nor a crash for
# success.
set -u
unset ONLY # the one that chose this test
run=$(cd "$(dirname "$0")/.." && pwd)/run.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/tests/room" "$dir/build/tests/room"
cd "$dir" || exit 1
failures=0

script() { # NAME BODY
    printf '%s\n' "$2" >"tests/room/$1"
}

# A program that prints like cmocka; its source is what ONLY is looked up in.
program() { # NAME BODY
    printf '#!/bin/bash\n%s\n' "$2" >"build/tests/room/$1"
    chmod +x "build/tests/room/$1"
    echo "static void a_test(void) {}" >"tests/room/$1.c"
}

expect() { # WHAT LAST-LINE STATUS ARGUMENT...
    local what=$1 want=$2 status=$3 rc=0
    shift 3
    env -u CHECK_FILTER ONLY="${ONLY:-}" bash "$run" "$dir/log" "$@" >out 2>&1 || rc=$?
    if [ "$(tail -n 1 out)" != "$want" ] || [ "$rc" -ne "$status" ]; then
        echo "$what: expected '$want' and status $status; found status $rc and"
        sed 's/^/    /' out
        failures=$((failures + 1))
    fi
}

script check_ok.sh 'exit 0'
script check_skip.sh 'exit 77'
script check_bad.sh 'echo the reason; exit 3'
script check_many.sh 'echo "4 passed, 0 failed, 2 skipped"'
script check_lies.sh 'echo "4 passed, 0 failed, 0 skipped"; exit 1'
script check_py.py 'import sys; sys.exit(77)'
program check_c 'echo "[==========] Running 3 test(s)."
echo "[       OK ] a"; echo "[       OK ] b"
echo "[  SKIPPED ] 1 test(s), listed below:"; echo "[  SKIPPED ] c"'
program check_c_bad 'echo "[==========] Running 2 test(s)."
echo "[       OK ] a"; echo "[  FAILED  ] b"
echo "[  FAILED  ] 1 test(s), listed below:"; echo "[  FAILED  ] b"; exit 1'
program check_c_crash 'echo "[==========] Running 3 test(s)."; echo "[       OK ] a"; kill -SEGV $$'
program check_c_early 'echo "[==========] Running 3 test(s)."; echo "[       OK ] a"; exit 0'
program check_c_empty 'exit 0'
program check_c_filter 'echo "[==========] Running 1 test(s)."
[ "$CHECK_FILTER" = a_test ] && echo "[       OK ] a_test"'

expect "scripts" "5 passed, 0 failed, 4 skipped" 0 \
    tests/room/check_{ok,skip,many}.sh tests/room/check_py.py
expect "a failing script" "1 passed, 1 failed, 0 skipped" 1 tests/room/check_{ok,bad}.sh
grep -q 'the reason' out || { echo "the failure's output is missing" && failures=$((failures + 1)); }
expect "a script that lies" "4 passed, 1 failed, 0 skipped" 1 tests/room/check_lies.sh
expect "a program" "2 passed, 0 failed, 1 skipped" 0 build/tests/room/check_c
expect "a failing program" "1 passed, 1 failed, 0 skipped" 1 build/tests/room/check_c_bad
expect "a crash" "1 passed, 2 failed, 0 skipped" 1 build/tests/room/check_c_crash
expect "an early end" "1 passed, 2 failed, 0 skipped" 1 build/tests/room/check_c_early
expect "no test in it" "0 passed, 1 failed, 0 skipped" 1 build/tests/room/check_c_empty
expect "nothing to run" "0 passed, 0 failed, 0 skipped" 1
ONLY=check_ok expect "ONLY a path" "1 passed, 0 failed, 0 skipped" 0 \
    tests/room/check_{ok,bad}.sh build/tests/room/check_c_bad
ONLY=a_test expect "ONLY a test" "1 passed, 0 failed, 0 skipped" 0 \
    tests/room/check_bad.sh build/tests/room/check_c_filter
exit $((failures > 0))

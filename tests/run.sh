#!/usr/bin/env bash
# Runs test programs and counts what they report.
#
#   run.sh LOGDIR PROGRAM...
#
# A program is a cmocka one (under the build folder), a shell test (.sh) or a
# Python one (.py).  The last two count as one test each (exit status 0 passed,
# 77 skipped, else failed) unless they print `N passed, N failed, N skipped`.
# ONLY=word runs the programs whose path has the word; in others, only tests
# named so.  The last line is the sum.
set -u
logs=$1
shift
only=${ONLY:-}
limit=${TEST_TIMEOUT:-300}
jobs=${JOBS:-$(nproc)}
rm -rf "$logs"
mkdir -p "$logs"
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive} # several programs share the cores
export PYTHONDONTWRITEBYTECODE=1

# The source of a program: tests/<room>/<name>.c of $BUILD/[f64/]tests/...
source_of() {
    case $1 in
    *.sh | *.py) echo "$1" ;;
    *) echo "tests/${1##*tests/}.c" ;;
    esac
}

# The programs that ONLY selects, and for each the filter on its tests' names.
programs=()
filters=()
for program in "$@"; do
    source=$(source_of "$program")
    case $source in
    *"$only"*) filter= ;;
    *.c)
        grep -q -- "$only" "$source" || continue
        filter=$only
        ;;
    *) continue ;;
    esac
    programs+=("$program")
    filters+=("$filter")
done

# run_one PROGRAM FILTER LOG: runs it and leaves `passed failed skipped` and the
# seconds in LOG.count.
run_one() {
    local program=$1 log=$3 rc=0 start=$EPOCHREALTIME
    local command=("$program")
    case $program in
    *.sh) command=(bash "$program") ;;
    *.py)
        command=(python3 "$program")
        command -v python3 >/dev/null || command=(bash -c 'echo no python3; exit 77')
        ;;
    esac
    CHECK_FILTER=$2 timeout -k 5 "$limit" "${command[@]}" >"$log" 2>&1 </dev/null || rc=$?
    [ $rc -ne 124 ] || echo "run.sh: stopped after $limit s" >>"$log"
    local counts
    counts=$(count "$program" "$log" "$rc")
    echo "$counts $(((${EPOCHREALTIME/./} - ${start/./}) / 100000))" >"$log.count"
}

# count PROGRAM LOG RC -> passed failed skipped
count() {
    awk -v rc="$3" -v script="$([[ $1 == *.[sp][hy] ]] && echo 1 || echo 0)" '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p = $1; f = $3; s = $5; told = 1 }
        /^\[=+\] Running [0-9]+ test/ { promised += $3 }
        /^\[       OK \]/ { ok++ }
        /^\[  FAILED  \] [0-9]+ test/ { bad += $4 }
        /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
        END {
            if (script) {
                if (!told) { p = rc == 0; s = rc == 77; f = !p && !s }
                else if (rc != 0 && rc != 77 && f == 0) f = 1
            } else {
                p = ok + 0; f = bad + 0; s = skipped + 0
                if (p + f + s < promised) f = promised - p - s  # it ended early
                if (rc != 0 && f == 0) f = 1                    # it crashed
            }
            print p + 0, f + 0, s + 0
        }' "$2"
}

running=0
for i in "${!programs[@]}"; do
    run_one "${programs[i]}" "${filters[i]}" "$logs/$i" &
    running=$((running + 1))
    if [ $running -ge "$jobs" ]; then
        wait -n
        running=$((running - 1))
    fi
done
wait

passed=0 failed=0 skipped=0
for i in "${!programs[@]}"; do
    read -r p f s tenths <"$logs/$i.count"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    [ -z "${filters[i]}" ] || [ $((p + f + s)) -gt 0 ] || continue
    verdict=ok
    [ "$s" -eq 0 ] || verdict="ok, $s skipped"
    [ "$f" -eq 0 ] || verdict="$f FAILED"
    [ $((p + f + s)) -gt 0 ] || { verdict="FAILED: no test ran" failed=$((failed + 1)); }
    printf '%-44s %4d tests %4d.%d s  %s\n' "$(source_of "${programs[i]}")" \
        $((p + f + s)) $((tenths / 10)) $((tenths % 10)) "$verdict"
    case $verdict in
    *FAILED*) sed 's/^/    /' "$logs/$i" ;;
    *skipped) grep -iE 'skip' "$logs/$i" | sed 's/^/    /' | head -n 20 ;;
    esac
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]

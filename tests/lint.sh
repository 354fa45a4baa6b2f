#!/usr/bin/env bash
# The house rules that a machine can check.  Silent when all is well; each
# finding is one line, and any finding makes the exit status 1.
#
#   includes    who may include whom; own header first; from the root
#   words       banned functions, printing and exiting below cli, unfinished work
#   size        no file over 800 lines
#   headers     each compiles alone
#   gcc         -fanalyzer, warnings are errors
#   clang       statuses that nobody looks at; clang-tidy; cppcheck (each when
#               installed)
set -u
cd "$(dirname "$0")/.." || exit 1
cflags="-std=c11 -D_POSIX_C_SOURCE=200809L -fopenmp -Wall -Wextra -Wpedantic ${CPPFLAGS:--I. -Isrc}"
analyze="-DSN_ANALYZE -Wno-unused-value"
jobs=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mapfile -t files < <(git ls-files -co --exclude-standard '*.c' '*.h')
mapfile -t product < <(printf '%s\n' "${files[@]}" | grep -v '^tests/')
mapfile -t sources < <(printf '%s\n' "${product[@]}" | grep '\.c$' | grep -v '^kernels/avx')

# ---- who may include whom ----
declare -A may=(
    [kernels]="" [base]="" [config]="base" [datasets]="base" [report]="base"
    [regress]="base" [nn]="kernels base" [optim]="kernels base" [target]="nn regress base"
    [search]="target nn base" [task]="nn datasets base"
    [train]="task search optim nn datasets base" [export]="search nn base"
    [job]="*" [cli]="*" [bench]="*"
)
# What a permitted header brings along is known to all who include it: the words
# of kernels.h reach whoever may include nn, and so on down.
declare -A through=([nn]="kernels" [optim]="kernels" [target]="nn kernels"
    [search]="target nn regress kernels optim" [task]="nn kernels" [train]="kernels target"
    [export]="kernels target")

room_of() { # path -> room
    case $1 in
    src/*) local r=${1#src/} && echo "${r%%/*}" ;;
    *) echo "${1%%/*}" ;;
    esac
}

includes() {
    local file room line header other allowed own first
    for file in "${product[@]}"; do
        room=$(room_of "$file")
        allowed="${may[$room]-none} ${through[$room]-}"
        first=
        own=${file%.c}.h
        own=${own#src/}
        while IFS= read -r line; do
            header=${line#*\"}
            header=${header%%\"*}
            case $line in
            *intrin.h\>* | *\<cpuid.h\>*) [[ $file == kernels/a[vm]x* ]] || echo "$file: x86 headers stay in the folders of x86" ;;
            esac
            [ -n "$first" ] || first=$line
            [[ $line == *\"* ]] || continue
            other=${header%%/*}
            case $header in
            */*) ;;
            *) echo "$file: \"$header\" is not written from the root" && continue ;;
            esac
            [ "$other" = "$room" ] && continue
            [[ $header == *_internal.h ]] && echo "$file: $header belongs to its room"
            case " $allowed " in
            *" * "*) [ "$other" = cli ] && [ "$room" != cli ] && echo "$file: nothing includes cli" ;;
            *" $other "*) ;;
            *) echo "$file: room $room may not include $header" ;;
            esac
        done < <(grep -E '^#[[:space:]]*include' "$file")
        if [[ $file == *.c ]] && [ -e "src/$own" -o -e "$own" ] && [[ $first != *"\"$own\""* ]]; then
            echo "$file: its own header $own does not stand first"
        fi
    done
}

# Comments and texts of a file blanked out, line by line.
code_of() {
    gcc -fpreprocessed -dD -E -P "$1" 2>/dev/null | sed 's/"\([^"\\]\|\\.\)*"/""/g'
}

words() {
    local file
    for file in "${files[@]}"; do
        code_of "$file" >"$work/code"
        grep -oE '\b(strcpy|strcat|sprintf|strtok|atoi|atof|rand|alloca)[[:space:]]*\(' "$work/code" |
            sort -u | sed "s|^|$file: banned: |"
        grep -nE '^#[[:space:]]*if 0' "$file" | sed "s|^|$file: dead code: |"
        grep -nwE 'TODO|FIXME|XXX|HACK' "$file" | sed "s|^|$file: unfinished: |"
        case $file in
        tests/* | bench/* | src/cli/* | src/base/status.c) ;; # abort() is SN_CHECK
        *) grep -oE '\b(exit|_exit|abort|printf|puts|putchar|perror)[[:space:]]*\(|\b(stdout|stderr)\b' "$work/code" |
            sort -u | sed "s|^|$file: prints or exits below cli: |" ;;
        esac
    done
}

size() {
    wc -l "${files[@]}" | awk '$2 != "total" && $1 > 800 { print $2 ": " $1 " lines; at most 800" }'
    local lines
    lines=$(wc -l <Makefile)
    [ "$lines" -lt 150 ] || echo "Makefile: $lines lines; fewer than 150"
}

each() { # COMMAND...: with a file name behind it, for each line of stdin, in parallel
    xargs -P "$jobs" -n 1 "$@" 2>&1
}

headers() {
    local file
    for file in "${product[@]}"; do
        [[ $file == *.h && $file != kernels/vec/* && $file != kernels/avx* ]] && echo "$file"
    done | each sh -c "echo \"#include \\\"\$0\\\"\" | gcc $cflags -Werror -fsyntax-only -x c - -I."
}

# The rooms that read files and hold memory: loops over extents give the
# analyzer nothing to find.
analyzer() {
    printf '%s\n' "${sources[@]}" | grep -E '^(src/(base|config|regress|target|job)|datasets)/' |
        each gcc $cflags $analyze -Werror -fanalyzer -fanalyzer-verbosity=0 -O1 -c -o /dev/null
}

# clang-tidy: what is off, and why.
tidy='-*,bugprone-*,cert-*,clang-analyzer-*'
tidy+=',-bugprone-easily-swappable-parameters'              # m, n, k are our words
tidy+=',-clang-analyzer-security.insecureAPI.DeprecatedOrUnsafeBufferHandling' # wants Annex K
tidy+=',-clang-analyzer-optin.performance.Padding'           # order of meaning
tidy+=',-clang-analyzer-core.uninitialized.Assign'           # out-arguments of calls that succeeded:
tidy+=',-clang-analyzer-core.UndefinedBinaryOperatorResult'  # gcc's analyzer looks at these
tidy+=',-bugprone-branch-clone'                              # two causes may have one message
tidy+=',-bugprone-integer-division'                          # a pixel's row is ip / side
tidy+=',-cert-flp30-c'                                       # halving is exact
tidy+=',-bugprone-not-null-terminated-result'                # bytes of files are no strings
tidy+=',-cert-err33-c'                                      # snprintf into sized buffers
tidy+=',-bugprone-narrowing-conversions'                    # gcc's -Wfloat-conversion instead
tidy+=',-bugprone-implicit-widening-of-multiplication-result' # small constants
tidy+=',-cert-dcl16-c'                                      # hexadecimal constants of hashes
tidy+=',-bugprone-reserved-identifier,-cert-dcl37-c,-cert-dcl51-cpp' # _GNU_SOURCE
tidy+=',-cert-err34-c'                                      # sscanf of the kernel's own files

clang() {
    local tool
    tool=$(command -v clang-14 || command -v clang) &&
        printf '%s\n' "${sources[@]}" | each "$tool" $cflags -Werror -Wno-unknown-warning-option -fsyntax-only
    tool=$(command -v clang-tidy-14 || command -v clang-tidy) &&
        printf '%s\n' "${sources[@]}" | grep -E '^(src/(base|config|regress|target|search|job|train|cli)|datasets)/' |
        grep -v datasets/image_stb.c | # what there is to find lies in the system's headers
        xargs -P "$jobs" -n 1 sh -c '"$0" --quiet --checks="$1" "$3" -- $2 2>/dev/null' "$tool" "$tidy" "$cflags $analyze" |
            grep -E 'warning:|error:'
}
# The three suppressed guess at values across calls, where the analyzers above
# know more.
check_cpp() {
    command -v cppcheck >/dev/null || return 0
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr -j "$jobs" \
        --suppress=missingIncludeSystem --suppress=uninitvar --suppress=nullPointer \
        --suppress=invalidFunctionArg --template='{file}:{line}: {id}: {message}' \
        -U__clang__ -USN_ANALYZE -D__x86_64__ -I. -Isrc src kernels/ref kernels/portable kernels/*.c datasets bench 2>&1
}

rc=0
for check in includes words size headers analyzer clang check_cpp; do
    start=$SECONDS
    $check >"$work/found"
    if [ -s "$work/found" ]; then
        rc=1
        sed "s|^|$check: |" "$work/found"
    fi
    [ -z "${VERBOSE:-}" ] || echo "$check: $((SECONDS - start)) s" >&2
done
exit $rc

# SPDX-License-Identifier: ISC
# shellcheck shell=sh
# Fault tests as rows. A test sources tests/cli/lib.sh, then this, and for each command says
#
#   fault_rows NAME SETUP COMMAND CHECK [RETRY]
#
#   SETUP    a function; called with a new folder, makes the state before
#   COMMAND  one simple command as a string, with "$ROOT" for that folder ('causeway-gen -C "$ROOT" publish')
#   CHECK    a function; called with the folder, prints one word: old, new, or anything else for a broken state
#   RETRY    what is run afterwards, without a fault, and must lead to new; COMMAND again if left out
#
# One line of TAP for each fault of $FAULT_FAILS and $FAULT_KILLS that the command can meet. After a failing call the state is old or new, new if
# the command exits with 0, and nothing ended by a signal. After a kill it is old or new; after a kill at the "end" it is
# new. Then RETRY exits with 0 and the state is new. SETUP runs once for each row; runs work on copies of it.
#
# A run tries a sample: every third fault of a row, another third in the next row ($CW_FAULT_EVERY; 1: all), each at $CW_FAULT_MAX (1)
# of the command's call stacks, the first and the last call on each, from another start for each fault. CW_FAULT_ALL=1, which 'make
# fault' sets, tries every fault at all call stacks: the distinct places of the code. CW_FAULT_ALL=calls tries every single call, of
# which a command may make a hundred thousand. To look at one: CW_FAULT_CASE='NAME: FAULT' CW_FAULT_N=7 runs only
# that, tells which call it was, and keeps the folder.

# A fault is KIND:ERRNO, with + for "from then on"; kinds are listed in tests/fault/control.h. SHORT does half of a read or write; read:FLIP
# changes a bit of what was read, for rows whose ROOT holds nothing but a medium: what a disk of one's own says is believed.
fault_fails_all='open:EMFILE create:ENOSPC read:EIO read:SHORT write:EIO write:SHORT change:ENOSPC+ truncate:EIO copy:EIO
rename:EIO link:EIO unlink:EIO mkdir:ENOSPC sync:EIO chmod:EPERM stat:EIO readdir:EIO lock:ENOLCK alloc:ENOMEM
mmap:ENOMEM spawn:EAGAIN'
FAULT_FAILS=${FAULT_FAILS-$fault_fails_all}
# A kill is MODEL or MODEL:MOMENT.
FAULT_KILLS=${FAULT_KILLS-keep keep:half lost torn zero}
CW_FAULT_ALL=${CW_FAULT_ALL-}
[ -z "$CW_FAULT_ALL" ] || { CW_FAULT_MAX=1000000 && CW_FAULT_EVERY=1; }
CW_FAULT_MAX=${CW_FAULT_MAX:-1}
CW_FAULT_EVERY=${CW_FAULT_EVERY:-3}
fault_row=0

# With FAULT_PROGRAM set to a program's name, a command that fails must say why in one line of standard error that begins with
# that name (warnings do not count), and exit with the code of that error: 8 for ENOSPC; else one of $FAULT_EXITS, by default 1,
# and for ENOMEM also 3 or 6. With 9 among them, 9 is right for all.
FAULT_PROGRAM=${FAULT_PROGRAM-}
FAULT_EXITS=${FAULT_EXITS-1}
# The exit code that means that the command did its work: not 0 for one that ends in saying what is missing.
FAULT_DONE=${FAULT_DONE-0}

fault_tool=${CW_FAULT:-$CW_BUILDDIR/tests/fault/cw-fault}
fault_dir=$TEST_DIR/fault
mkdir -p "$fault_dir"

# fault_words PREFIX... COMMAND-STRING: runs the words of the string after the prefix.
fault_run() {
    fault_string=$1
    shift
    eval "set -- \"\$@\" $fault_string"
    "$@"
}

fault_fresh() {
    chmod -R u+w "$ROOT" 2>/dev/null
    rm -rf "$ROOT"
    cp -a "$fault_dir/before" "$ROOT"
}

# fault_bad N TEXT: remembers a failure of the running case.
fault_bad() {
    diag "n=$1: $2"
    fault_failed="$fault_failed $1"
}

# fault_numbers KIND TURN: the calls to try, from the counting run.
fault_numbers() {
    awk -v kind="$1" -v turn="$2" -v all="$CW_FAULT_ALL" -v max="$CW_FAULT_MAX" -v one="${CW_FAULT_N:-}" '
        $1 == "kind" && $2 == kind {
            if (one != "") { print one; exit }
            if (all == "calls") { for (i = 1; i <= $3; i++) print i; exit }
            n = split($4, list, ",")
            if (n <= max) { for (i = 1; i <= n; i++) print list[i]; exit }
            start = turn * 0.618
            start -= int(start)
            for (i = 0; i < max; i++) print list[1 + int((i + start) * n / max)]
        }' "$fault_dir/counts"
}

# fault_says N ERROR: judges what a command said that failed by an injected error.
fault_says() {
    fault_lines=$(grep "^$FAULT_PROGRAM: " "$fault_dir/errors" | grep -vc "^$FAULT_PROGRAM: warning: ")
    [ "$fault_lines" -eq 1 ] || fault_bad "$1" "says $fault_lines lines, not one, with exit code $fault_code"
    case "$2: $FAULT_EXITS " in
    ENOSPC*" 9 "*) [ "$fault_code" -eq 8 ] || [ "$fault_code" -eq 9 ] && return ;;
    ENOSPC*) [ "$fault_code" -eq 8 ] && return ;;
    *" $fault_code "*) return ;;
    esac
    # Memory that runs out in a confined child or inside a library is told as what that part was asked for: an archive that
    # cannot be read or a signature that does not hold (3), a policy that gives no decision (6).
    case $2:$fault_code in
    ENOMEM*:[36]) return ;;
    esac
    fault_bad "$1" "exits with $fault_code after $2: $(tail -n 1 "$fault_dir/errors")"
}

# fault_once N VERB...: one run with its fault, and the judgement. Fails when call N was not reached.
fault_once() {
    fault_n=$1
    shift
    fault_fresh
    [ -z "${CW_FAULT_N:-}" ] || set -- -v "$@"
    fault_code=0
    fault_run "$fault_command" "$fault_tool" "$@" "$ROOT" -- >"$fault_dir/log" 2>"$fault_dir/errors" </dev/null || fault_code=$?
    [ "$fault_code" -ne 120 ] || return 1
    [ "$fault_code" -ne "$FAULT_DONE" ] || fault_code=0
    cat "$fault_dir/errors" >>"$fault_dir/log"
    fault_state=$($fault_check "$ROOT" 2>&1)
    case $fault_code:$fault_state in
    124:* | 125:*) fault_bad "$fault_n" "$(tail -n 3 "$fault_dir/log")" ;;
    137:old | 137:new | 0:new) ;;
    0:*) fault_bad "$fault_n" "exits with 0, but the state is '$fault_state'" ;;
    99:* | 12[89]:* | 1[3-9][0-9]:*) fault_bad "$fault_n" "exits with $fault_code, the state is '$fault_state'" ;;
    *:old | *:new) ;;
    *) fault_bad "$fault_n" "exits with $fault_code, and the state is '$fault_state'" ;;
    esac
    case $fault_code:$FAULT_PROGRAM:$* in
    0:* | 12[45]:* | *::* | *:kill\ * | *:-v\ kill\ *) ;;
    *) fault_says "$fault_n" "${fault_label##*:}" ;;
    esac
    [ -z "${CW_FAULT_N:-}" ] || diag "$(cat "$fault_dir/log")"
    fault_retry "$fault_n"
    return 0
}

fault_retry() {
    [ -z "${CW_FAULT_N:-}" ] || { cp -a "$ROOT" "$ROOT.faulted" && diag "the state is in $ROOT.faulted; set KEEP=1 to keep it"; }
    fault_code=0
    fault_run "$fault_again" >"$fault_dir/log" 2>&1 </dev/null || fault_code=$?
    fault_state=$($fault_check "$ROOT" 2>&1)
    [ "$fault_code:$fault_state" = 0:new ] && return
    fault_bad "$1" "the retry exits with $fault_code, and the state is '$fault_state'"
    diag "$(tail -n 3 "$fault_dir/log")"
}

# fault_case FAULT KIND VERB-FORMAT: all numbers of one fault; %s in the format is the number.
fault_case() {
    fault_label="$fault_name: $1"
    if [ -n "${CW_FAULT_CASE:-}" ]; then
        [ "$CW_FAULT_CASE" = "$fault_label" ] || return 0
    else
        fault_place=$((fault_place + 1))
        [ $(((fault_place + fault_row) % CW_FAULT_EVERY)) -eq 0 ] || return 0
    fi
    fault_failed=
    fault_tried=0
    fault_turn=$((fault_turn + 1)) # a part of the golden ratio, which spreads best whatever the number of turns
    for fault_number in $(fault_numbers "$2" "$fault_turn") $4; do
        # shellcheck disable=SC2046,SC2059 # words of a format of our own
        fault_once "$fault_number" $(printf "$3" "$fault_number") || break
        fault_tried=$((fault_tried + 1))
    done
    [ "$fault_tried" -gt 0 ] || return 0 # the command makes no such call
    if [ -z "$fault_failed" ]; then
        ok "$fault_label ($fault_tried)"
    else
        not_ok "$fault_label"
        diag "failed at n =$fault_failed; to look at one: CW_FAULT_CASE='$fault_label' CW_FAULT_N=${fault_failed##* }"
    fi
}

fault_count() {
    fault_fresh
    fault_code=0
    fault_run "$fault_command" "$fault_tool" --report "$fault_dir/counts" count "$ROOT" -- \
        >"$fault_dir/log" 2>&1 </dev/null || fault_code=$?
    [ "$fault_code" -ne "$FAULT_DONE" ] || fault_code=0
    fault_state=$($fault_check "$ROOT" 2>&1)
    if [ "$fault_code:$fault_state" != 0:new ]; then
        not_ok "$fault_name: without a fault"
        diag "exits with $fault_code, and the state is '$fault_state'"
        diag "$(tail -n 5 "$fault_dir/log")"
        return 1
    fi
    diag "$fault_name: $(awk '$1 == "changes" || $1 == "sites" || $1 == "ways" { printf "%s%s %s", sep, $2, $1; sep = ", " }' \
        "$fault_dir/counts")"
}

fault_rows() {
    fault_name=$1
    fault_command=$3
    fault_check=$4
    fault_again=${5:-$3}
    ROOT=$fault_dir/root
    export ROOT
    rm -rf "$fault_dir/before"
    mkdir "$fault_dir/before"
    "$2" "$fault_dir/before"
    fault_turn=0
    fault_place=0
    fault_row=$((fault_row + 1))
    fault_count || return 0
    for fault in $FAULT_FAILS; do
        fault_kind=${fault%%:*}
        fault_error=${fault#*:}
        case $fault_error in
        *+) fault_case "$fault" "$fault_kind" "fail $fault_kind %s+ ${fault_error%+}" '' ;;
        *) fault_case "$fault" "$fault_kind" "fail $fault_kind %s $fault_error" '' ;;
        esac
    done
    for fault in $FAULT_KILLS; do
        fault_moment=${fault#*:}
        [ "$fault_moment" != "$fault" ] || fault_moment=after
        fault_case "kill $fault" change "kill %s ${fault%%:*} $fault_moment" end
    done
}

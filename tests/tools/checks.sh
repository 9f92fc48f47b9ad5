# shellcheck shell=bash
# The frame of a suite of checks, one line each; sourced.  Expects $work, and checks=('NAME purpose'...) with a function check_NAME for each.
#
#   run_checks SUITE [CHECK]...    all of them, or those named; the last line is `SUITE: N passed, N failed` and `, N skipped`.
#
# A check passes with status 0, is skipped with 75 (its last line says why; with CI=true that is a failure), and fails otherwise: then its output
# is shown.  The suite has two more functions, called once before: `tools`, without which everything is skipped for the reason at the end of
# $work/tools.log, and `begin`, which has to succeed.
# shellcheck disable=SC2154 # given by the caller

skip() {
    echo "skipped: $*"
    exit 75
}

fail() {
    echo "$*"
    exit 1
}

run_checks() { # suite, check...
    local suite=$1 entry name status begun result passed=0 failed=0 skipped=0
    shift
    for name in "$@"; do
        [[ " ${checks[*]%% *} " == *" $name "* ]] || {
            echo "there is no check '$name' of $suite: --list names them" >&2
            exit 64
        }
    done
    tools || {
        echo "skipped: $(tail -1 "$work/tools.log")"
        [ "${CI:-}" != true ] || exit 1
        exit 75
    }
    begin
    for entry in "${checks[@]}"; do
        name=${entry%% *}
        [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
        begun=$SECONDS
        status=0
        # A process of its own, so that `set -e` holds inside.
        (set -e; "check_$name") >"$work/out" 2>&1 & wait $! || status=$?
        case $status in
        0) passed=$((passed + 1)) result=passed ;;
        75) skipped=$((skipped + 1)) result=$(tail -1 "$work/out") ;;
        *) failed=$((failed + 1)) result=FAILED ;;
        esac
        if [ "$status" = 75 ] && [ "${CI:-}" = true ]; then
            skipped=$((skipped - 1)) failed=$((failed + 1)) result="FAILED ($result, and CI=true)"
        fi
        printf '  %-14s %4d s  %s\n' "$name" $((SECONDS - begun)) "$result"
        [ "$result" != FAILED ] || sed 's/^/    | /' "$work/out"
    done
    if [ "$skipped" -gt 0 ]; then
        echo "$suite: $passed passed, $failed failed, $skipped skipped"
    else
        echo "$suite: $passed passed, $failed failed"
    fi
    [ "$failed" -eq 0 ] && [ $((passed + skipped)) -gt 0 ]
}

# progress.sh: how far something has come that takes its time; sourced by lib.sh and isolation.
#
# One calm line on stderr, painted over and gone at the end, as app/progress.h does it for the program; only on a terminal, without colour.
# shellcheck shell=bash

grouped() { sed -E ':a;s/([0-9])([0-9]{3})($|,)/\1,\2\3/;ta' <<<"$1"; }

# "1,200 of 4,000 events, 300/s, 10 s left"; where nobody counts "12 s  what", or "12 of 20 s  what"
progress() { # what, how many ('': nobody counts), of how many (or seconds; 0: nobody knows), seconds since it began
    local line
    [ -t 2 ] || return 0
    if [ -z "$2" ]; then
        line="$4$([ "$3" = 0 ] || echo " of $3") s  $1"
    else
        line=$(grouped "$2")
        [ "$3" = 0 ] || line+=" of $(grouped "$3")"
        line+=" $1"
        [ "$4" -lt 1 ] || [ "$2" -lt "$4" ] || line+=", $(grouped $(($2 / $4)))/s"
        [ "$4" -lt 1 ] || [ "$2" -lt 1 ] || [ "$3" -le "$2" ] || line+=", $((($3 - $2) * $4 / $2)) s left"
    fi
    printf '\r%s\033[K' "$line" >&2
}

progress_end() { [ ! -t 2 ] || printf '\r\033[K' >&2; }

# Runs a command, and paints meanwhile what `counter` (a command, '': none) says.  As after `||`, the command's end decides, not what fails within.
with_progress() { # what, of how many (or seconds), counter, command...
    local what=$1 all=$2 counter=$3 begun=$SECONDS status=0 painter
    shift 3
    [ -t 2 ] || {
        "$@"
        return
    }
    (
        while sleep 1; do progress "$what" "$([ -z "$counter" ] || $counter 2>/dev/null || echo 0)" "$all" $((SECONDS - begun)); done
    ) >/dev/null &
    painter=$!
    "$@" || status=$?
    kill "$painter" 2>/dev/null || true
    wait "$painter" 2>/dev/null || true
    progress_end
    return "$status"
}

# Events on the topic: for a counter.
topic_events() { admin ends "$topic" | awk '{ sum += $3 - $2 } END { print sum + 0 }'; }

# shards.sh: what the rows about databases and their network share; sourced by them in place of parking.sh, whose two servers and settings they have.
#
# s0 is the healthy shard, s1 the one that something happens to.  Each row runs under load (a feed), says each expectation that has held in a line of
# its own, and ends with `finish`: every event is exactly one correct row or dead letter, the counters add up, nothing is lost or left parked.
#
# shellcheck shell=bash disable=SC2034,SC2154
# shellcheck source=../integration/parking.sh
. "$(dirname "${BASH_SOURCE[0]}")/../integration/parking.sh"

proxy=''         # the pid of the one before the second server
want_letters=0   # that there are in the end
existing=''      # after `finish`: rows that were there already when they were written
last_servers=(0 1) # where the shards are then
verify_options=()
settings=''      # further members of the configuration, each with a comma behind it
probing='"probe_min_ms": 100, "probe_max_ms": 800'

holds() { # what of the row's expectation was seen
    say "row $(grep -oE '^[0-9]+(-[0-9]+)*' <<<"$name"): $*"
}

# ---- where the shards are ----

hosts=(127.0.0.1 127.0.0.1)
ports=('' '') # another than the server's own

shards_json() {
    local at more
    for at in 0 1; do
        more=shard_more_$at
        [ "$at" = 0 ] || printf ', '
        printf '{ "name": "s%s", "host": "%s", "port": %s, "database": "%s"%s }' "$at" "${hosts[at]}" "${ports[at]:-$(cat "$work/m$at/port")}" \
            "$database" "${!more:-}"
    done
}

configure_row() {
    configure
    [ -z "$settings" ] || sed -i "s|\"dlq\": {|$settings&|" "$work/config.json"
}

need_proxy() { # before the second server
    "$tools/tools_proxy" --listen 127.0.0.1:0 --to "127.0.0.1:$(cat "$work/m1/port")" --control "$work/proxy" >"$work/proxy.port" &
    proxy=$!
    until [ -s "$work/proxy.port" ]; do
        kill -0 "$proxy" 2>/dev/null || fail 'the proxy does not start'
        sleep 0.1
    done
    ports[1]=$(cat "$work/proxy.port")
}

network() { # the proxy's command
    "$tools/tools_proxy" --tell "$work/proxy" "$@" >"$work/proxy.said" || fail "the proxy says to '$*': $(cat "$work/proxy.said")"
}

# ---- load, and how fast it becomes rows ----

load() { # events a second
    feed $(($1 / scale)) "${@:2}"
}

rows_above() { # server, so many
    [ "$(rows_on "$1")" -gt "$2" ]
}

lag_below() { # events
    local lag
    lag=$(admin lag "$group" "$topic" 2>/dev/null) && [ "$lag" -lt "$1" ]
}

# Both shards have taken some of the load.
wait_flow() {
    local at
    for at in 0 1; do wait_for 30 "s$at takes rows" rows_above $at 0; done
}

# Rows a second of a server, over some seconds.
pace() { # server, seconds
    local before after begun=$EPOCHREALTIME
    before=$(rows_on "$1")
    sleep "$2"
    after=$(rows_on "$1")
    awk -v rows=$((after - before)) -v from="$begun" -v to="$EPOCHREALTIME" 'BEGIN { printf "%d\n", rows / (to - from) }'
}

# The bound is generous, and there are three windows: the machine may be busy, and what is looked for is a shard that stands still with another.
keeps_pace() { # pace of s0 before, seconds of a window
    local now window
    for window in 1 2 3; do
        now=$(pace 0 "$2")
        [ "$now" -lt $(($1 / 2)) ] || break
        say "s0 made $1 rows a second before and $now since"
        [ "$window" != 3 ] || fail 'the other shard does not keep its pace'
    done
    holds "the other shard keeps its pace: $1 rows a second before, $now since"
}

# ---- what the worker says ----

errors() { # part of the labels...: errors of s1
    local sum
    sum=$(metric 0 millrace_db_errors_total 'shard="s1"' "$@")
    echo "${sum:-0}"
}

errors_above() { # so many, part of the labels...
    [ "$(errors "${@:2}")" -gt "$1" ]
}

no_letters() {
    [ "$(letters)/$(metric 0 millrace_dead_letters_total)" = 0/0 ] || fail "$(letters) dead letters"
    holds 'no dead letter'
}

# The drift guard looks at 100 verdicts, and a table goes wrong between two small batches: until more than half of the window is refused, rows that
# are refused become dead letters.  After a probe it begins anew with half of 20.  So there may be that many of them, and what is in them is true.
few_letters() { # code, SQLSTATE, column, dead letters that there were before; lists them for tools_verify
    local had most
    want_letters=$(letters)
    had=$((want_letters - ${4:-0}))
    most=$((50 + 10 * $(grep -c '"event":"shard_live".*"shard":"s1"' "$work/worker0.log")))
    [ "$had" -le "$most" ] || fail "$had dead letters for a table that is wrong, $most are the most"
    holds "dead letters are bounded: $had before the guard was sure, $most are the most"
    "$millrace" dlq list -c "$work/config.json" --json --limit 100000 >"$work/letters"
    python3 - "$work/letters" "$@" >"$work/refused" <<'PYTHON'
import json, sys

for line in open(sys.argv[1], encoding="utf-8"):
    letter = json.loads(line)
    if letter["reason"] == "database":
        print(letter["topic"], letter["partition"], letter["offset"], "database", *sys.argv[2:5])
PYTHON
    verify_options=(--refused "$work/refused")
}

is_healed() { # live again, nothing parked any more
    shard_is 0 s1 live && no_entries
}

# On a machine that is busy a shard may be parked once more while it catches up, so there is time.
wait_healed() {
    wait_for 60 's1 is live and nothing is parked any more' is_healed
}

# ---- the end ----

finish() { # with verify_options
    local at where=()
    [ -z "$feeder" ] || feed_stop
    wait_lag_gone 60
    wait_for 60 'the entries are gone' no_entries
    for at in 0 1; do where+=(--shard "$work/m${last_servers[at]}/s.sock,$database"); done
    "$tools/tools_verify" --bootstrap "$bootstrap" --topic "$topic" --dlq "$dlq" --user root "${where[@]}" "${verify_options[@]}" ||
        fail 'not every event became exactly one correct row or dead letter'
    [ "$(letters)" = "$want_letters" ] || fail "$(letters) dead letters, $want_letters were expected"
    check_ledger 0
    existing=$(metric 0 millrace_rows_existing_total)
    [ "$(metric 0 millrace_lost_offsets_total)" = 0 ] || fail 'offsets were lost'
    [ "$(metric 0 millrace_watchdog_stalls_total)" = 0 ] || fail 'the watchdog found a thread stuck'
    worker_stop 0
    check_marks clean
    holds "every event is exactly one correct row or dead letter ($want_letters of these), and the counters add up"
}

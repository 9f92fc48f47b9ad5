# parking.sh: what the scenarios of parked shards (30 to 39) share; sourced by them in place of lib.sh.
#
# They break their servers on purpose, so each has its own.  Shards s0... are spread over the two servers in order: with two of them s0 is on
# the first (the healthy one) and s1 on the second.
#
# MILLRACE_VARIATION: other sizes than the defaults, to look for what these hide: `tiny` (the smallest pool, a commit every 10 ms), `wide`
# (three consumer threads, 24 partitions), `quick` (a commit every 10 ms, rows of a batch leave at once).
# shellcheck shell=bash disable=SC2034,SC2120
unset MILLRACE_SHARED
# shellcheck source=../integration/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

partitions=8
per_server=1 # shards on each
kafka_settings='"consumer_properties": { "session.timeout.ms": "6000", "heartbeat.interval.ms": "1000" }'
park_settings='"after_s": 2, "probe_min_ms": 100, "probe_max_ms": 800'
batch_settings='"max_rows": 5000'
memory_settings='"fetch_mib": 16'
shard_extra=', "connect_timeout_s": 2, "read_timeout_s": 3, "write_timeout_s": 3'
commit_ms=200
threads=1
case ${MILLRACE_VARIATION:-} in
'') ;;
tiny)
    memory_settings='"pool_mib": 2, "fetch_mib": 16'
    commit_ms=10
    ;;
wide)
    threads=3
    partitions=24
    ;;
quick)
    batch_settings='"linger_ms": 0, "max_rows": 500'
    commit_ms=10
    ;;
*) fail "no such variation: $MILLRACE_VARIATION" ;;
esac

# A frozen server would not hear that it should stop.
tidy() {
    local status=$? at
    set +e
    for at in 0 1; do [ ! -e "$work/m$at/pid" ] || kill -CONT "$(cat "$work/m$at/pid")" 2>/dev/null; done
    (exit "$status")
    clean
}
trap tidy EXIT

# ---- servers and configuration ----

shard_database() { # shard number
    [ "$per_server" = 1 ] && echo "$database" || echo "${database}_$(($1 % per_server))"
}

shards_json() {
    local at more
    for ((at = 0; at < 2 * per_server; at++)); do
        more=shard_more_$at
        [ "$at" = 0 ] || printf ', '
        printf '{ "name": "s%s", "host": "127.0.0.1", "port": %s, "database": "%s"%s }' "$at" "$(cat "$work/m$((at / per_server))/port")" \
            "$(shard_database "$at")" "${!more:-}"
    done
}

configure() { # file, default $work/config.json
    kafka_extra=", \"commit_interval_ms\": $commit_ms, \"consumer_threads\": $threads, $kafka_settings"
    extra=", \"park\": { $park_settings }, \"batch\": { $batch_settings }, \"memory\": { $memory_settings }"
    config "${1:-$work/config.json}"
}

begin() { # topic settings key=value...
    need_kafka
    need_shards
    local at
    if [ "$per_server" -gt 1 ]; then
        for ((at = 0; at < 2 * per_server; at++)); do
            sql $((at / per_server)) "$(table_sql "$(shard_database "$at")" $((at / per_server)))"
        done
    fi
    admin create "$topic" "$partitions" "$@"
    admin create "$dlq" 1
    configure
}

freeze() { # server
    kill -STOP "$(cat "$work/m$1/pid")"
}

thaw() { # server
    kill -CONT "$(cat "$work/m$1/pid")"
}

server_kill() { # server; a frozen one, too
    "$mariadb_server" kill "$work/m$1"
}

server_start() { # server
    "$mariadb_server" start "$work/m$1"
}

# Rows of all shards on a server.
rows_on() { # server
    local at sum=0
    for ((at = $1 * per_server; at < ($1 + 1) * per_server; at++)); do
        sum=$((sum + $(sql "$1" "SELECT COUNT(*) FROM $(shard_database "$at").events")))
    done
    echo "$sum"
}

rows() {
    echo $(($(rows_on 0) + $(rows_on 1)))
}

# For a replay to go on: until there are more rows, or nothing is parked any more, for its last rows may have been written before.
wait_rows_on() { # server, at least so many, seconds
    local until=$((SECONDS + $3)) have
    while have=$(rows_on "$1") && [ "$have" -lt "$2" ] && ! no_entries; do
        [ "$SECONDS" -lt "$until" ] || fail "$have rows on server $1 after $3 s, $2 were expected"
        sleep 0.1
    done
}

verify_shards() { # tools_verify's options
    local at where=()
    wait_lag_gone 60
    wait_nothing_parked 60
    for ((at = 0; at < 2 * per_server; at++)); do
        where+=(--shard "$work/m$((at / per_server))/s.sock,$(shard_database "$at")")
    done
    "$tools/tools_verify" --bootstrap "$bootstrap" --topic "$topic" --dlq "$dlq" --user root "${where[@]}" "$@" ||
        fail "not every event became exactly one correct row or dead letter"
}

# ---- what a worker says ----

# Sum of a metric's series whose labels contain all of the texts; nothing when there is none.
metric() { # worker, name, part of the labels...
    local scrape=$work/scrape part
    curl -fsS --max-time 5 "http://${http[$1]}/metrics" >"$scrape" 2>/dev/null || return 0
    grep -E "^$2(\{| )" "$scrape" >"$scrape.1" || true
    for part in "${@:3}"; do
        grep -F -- "$part" "$scrape.1" >"$scrape.2" || true
        mv "$scrape.2" "$scrape.1"
    done
    awk '{ sum += $NF } END { if (NR) printf "%.0f\n", sum }' "$scrape.1"
}

shard_is() { # worker, shard, state
    [ "$(metric "$1" millrace_shard_state "shard=\"$2\"" "state=\"$3\"")" = 1 ]
}

wait_for() { # seconds, what is waited for, command...
    local until=$((SECONDS + $1)) begun=$SECONDS pid
    until "${@:3}"; do
        for pid in "${workers[@]}"; do kill -0 "$pid" 2>/dev/null || fail "a worker has ended by itself, waiting for: $2"; done
        [ "$SECONDS" -lt "$until" ] || fail "not after $1 s: $2"
        sleep 0.1
    done
    say "$2 (after $((SECONDS - begun)) s)"
}

not_live() { # shard, of worker 0
    ! shard_is 0 "$1" live && ! shard_is 0 "$1" replay
}

wait_state() { # worker, shard, state, seconds
    wait_for "$4" "shard $2 is $3" shard_is "$1" "$2" "$3"
}

# Whether an expression in Python is true of the worker's status `d`.
status_says() { # worker, expression
    "$millrace" status --json "${http[$1]}" >"$work/status.json" 2>/dev/null || return 1
    python3 - "$work/status.json" "$2" <<'PYTHON'
import json, sys

d = json.load(open(sys.argv[1], encoding="utf-8"))
shard = lambda name: next(s for s in d["shards"] if s["name"] == name)
held = [p for p in d["partitions"] if p["state"] == "held"]
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}

expect_status() { # worker, seconds, expression, what it means
    local until=$((SECONDS + $2))
    until status_says "$1" "$3"; do
        [ "$SECONDS" -lt "$until" ] || { cat "$work/status.json" >&2; fail "the status does not say after $2 s that $4: $3"; }
        sleep 0.2
    done
    say "status: $4"
}

logged() { # worker, event, [part of the line]
    grep -F "\"event\":\"$2\"" "$work/worker$1.log" | grep -qF -- "${3:-}"
}

# ---- what the commits say ----

shard_hash() { # name
    python3 -c 'import sys
h = 2166136261
for c in sys.argv[1].encode(): h = (h ^ c) * 16777619 % 2**32
print("%08x" % h)' "$1"
}

# PARTITION OFFSET KIND HASH FROM TO of each entry; TO is - of one that still grows.
entries() { # [kind]
    admin committed "$group" "$topic" | python3 -c 'import sys
for line in sys.stdin:
    partition, offset, end, mark = line.split(" ", 3)
    for entry in filter(None, mark.strip().split(".")[-1].split(",") if mark.startswith("mr1.") else []):
        part = entry.split(":")
        if len(sys.argv) < 2 or part[0] == sys.argv[1]:
            print(partition, offset, part[0], part[1], part[2], part[3] if len(part) > 3 else "-")' "$@"
}

no_entries() {
    [ -z "$(entries)" ]
}

# All partitions have a parked range of the shard.
all_parked() { # shard name
    [ "$(entries p | grep -c " $(shard_hash "$1") ")" = "$partitions" ]
}

lag_is_gone() {
    [ "$(admin lag "$group" "$topic" 2>/dev/null)" = 0 ]
}

# ---- the invariant, looked at in the middle: for every event below the committed offset it is a row, or a range holds it ----

# Commits first, then rows: a row stays, so what is missing then was missing at the commit.  Call it when both servers answer.
look() { # name
    admin committed "$group" "$topic" >"$work/look-$1.commits"
    list_rows >"$work/look-$1.rows"
}

list_rows() { # PARTITION OFFSET SHARD; the identity names the event
    local at
    for ((at = 0; at < 2 * per_server; at++)); do
        sql $((at / per_server)) "SELECT CONV(HEX(SUBSTR(id, 9, 4)), 16, 10), CONV(HEX(SUBSTR(id, 13, 8)), 16, 10), 's$at' FROM $(shard_database "$at").events"
    done
}

# At the end, when every event has become its row: what each look of before should have had.
check_looks() {
    local seen
    list_rows >"$work/all-rows"
    for seen in "$work"/look-*.commits; do
        python3 - "$seen" "${seen%.commits}.rows" "$work/all-rows" <<'PYTHON' || fail "a commit promised what was not there ($(basename "$seen"))"
import sys

def fnv(text):
    h = 2166136261
    for c in text.encode():
        h = (h ^ c) * 16777619 % 2**32
    return "%08x" % h

offsets, ranges = {}, {}
for line in open(sys.argv[1]):
    partition, offset, end, mark = line.split(" ", 3)
    offsets[int(partition)] = int(offset)
    for entry in filter(None, mark.strip().split(".")[-1].split(",") if mark.startswith("mr1.") else []):
        part = entry.split(":")
        ranges[int(partition), part[1]] = (int(part[2]), int(part[3]) if len(part) > 3 else 1 << 62)
read = lambda name: {(int(a), int(b)): c for a, b, c in (line.split() for line in open(name))}
had, all_rows = read(sys.argv[2]), read(sys.argv[3])
bad = covered = 0
for (partition, offset), shard in all_rows.items():
    if (partition, offset) in had or offset >= offsets[partition]:
        continue
    low, high = ranges.get((partition, fnv(shard)), (0, 0))
    if low <= offset < high:
        covered += 1
        continue
    bad += 1
    if bad <= 5:
        print("partition %d, offset %d of %s: committed %d, its range %d to %d, and no row" % (partition, offset, shard, offsets[partition], low, high))
print("%s: %d rows, %d more promised by ranges, %d by nobody" % (sys.argv[1].rsplit("look-")[1], len(had), covered, bad))
sys.exit(bad > 0)
PYTHON
    done
}

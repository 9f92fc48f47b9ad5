# lib.sh: what the scenarios share; sourced by each of them.
#
# A scenario is one file, runs alone (tests/integration/NAME) and leaves nothing behind.  Kafka and the two MariaDB servers come from
# $MILLRACE_SHARED when the lane has started them once for all; else the scenario starts its own.  Topic, group and databases carry the
# scenario's name, so scenarios do not meet.
#
# MILLRACE_BUILD: folder of the build (default build/release).  MILLRACE_PROGRAM: the worker, if it is another build's.  MILLRACE_SCALE: divides the number of events (sanitizers are slow).
# shellcheck shell=bash disable=SC2034,SC2120
set -euo pipefail

name=$(basename "$0")
name=${name//[^a-z0-9]/-}${MILLRACE_AGAIN:+-again} # topics of the first try may be there still
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../tools/ports.sh
. "$root/tests/tools/ports.sh"
# shellcheck source=../tools/events.sh
. "$root/tests/tools/events.sh"
build=${MILLRACE_BUILD:-$root/build/release}
tools=$build/tests
millrace=${MILLRACE_PROGRAM:-$build/millrace}
mariadb_server=${MILLRACE_MARIADB_SERVER:-$root/tests/tools/${MILLRACE_DATABASE:-mariadb}-server}
shard_server=("$mariadb_server" "$mariadb_server") # a scenario may take another for one of them
scale=${MILLRACE_SCALE:-1}
work=$(mktemp -d "${TMPDIR:-/tmp}/millrace-$name.XXXXXX")
# $work/kafka and $work/m0: the shared ones, or this scenario's own
shared=${MILLRACE_SHARED:-$work}
topic=$name
group=$name
dlq=$topic.dlq
database=$(tr - _ <<<"i_$name")
workers=()
http=()
probes=()
extra=''       # further members of the configuration, with a leading comma
kafka_extra='' # ... of its "kafka"
shard_extra='' # ... of its "shard_defaults"
admin_options=()
feeder=''      # pid of who produces in the background
worker_under=() # what starts the worker: a command that ends in it, as `env NAME=value` or `prlimit --nofile=64`

say() {
    printf '%s  %s\n' "$(date -u +%T)" "$*"
}

fail() {
    say "FAILED: $*" >&2
    exit 1
}

clean() {
    local status=$? pid
    trap - EXIT
    for pid in "${workers[@]}" $(jobs -p); do kill -KILL "$pid" 2>/dev/null || true; done
    if [ "$shared" = "$work" ]; then
        [ ! -e "$work/kafka/voters" ] || "$root/tests/tools/kafka-server" kill "$work/kafka" || true
        local at
        for at in 0 1; do [ ! -d "$work/m$at" ] || "${shard_server[at]}" stop "$work/m$at" || true; done
    fi
    if [ "$status" -ne 0 ] && [ "$status" -ne 75 ]; then
        say "the end of each worker's log:"
        tail -n 15 "$work"/worker*.log 2>/dev/null || true
        [ -z "${MILLRACE_KEEP:-}" ] || { say "kept: $work"; exit "$status"; }
    fi
    rm -rf "$work"
    exit "$status"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- servers ----

sql() { # server number, statement...
    local at=$shared/m$1
    shift
    mariadb --no-defaults -S "$at/s.sock" -uroot -N -B -e "$*"
}

table_sql() { # database, server number
    local collation=utf8mb4_nopad_bin
    [[ $(sql "$2" 'SELECT VERSION()') == *MariaDB* ]] || collation=utf8mb4_0900_bin
    cat <<SQL
CREATE DATABASE IF NOT EXISTS $1 CHARACTER SET utf8mb4;
CREATE TABLE $1.events ($event_columns) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE $collation;
SQL
}

need_kafka() { # kafka-server's options: only for a scenario with servers of its own
    [ -e "$shared/kafka/bootstrap" ] || "$root/tests/tools/kafka-server" start "$shared/kafka" "$@"
    bootstrap=$(cat "$shared/kafka/bootstrap")
}

need_shards() { # mariadbd's options: only for a scenario with servers of its own
    local at
    for at in 0 1; do
        [ -S "$shared/m$at/s.sock" ] || "${shard_server[at]}" start "$shared/m$at" "$@"
        sql "$at" "CREATE USER IF NOT EXISTS millrace@'%' IDENTIFIED BY 'brook';
            GRANT SELECT, INSERT, UPDATE ON *.* TO millrace@'%'; DROP DATABASE IF EXISTS $database;"
        sql "$at" "$(table_sql "$database" "$at")"
    done
    echo brook >"$work/password"
    chmod 600 "$work/password"
}

admin() {
    "$tools/tools_admin" "$bootstrap" "${admin_options[@]}" "$@"
}

need_topics() { # partitions
    admin create "$topic" "$1"
    admin create "$dlq" 1
}

# ---- the worker ----

shards_json() {
    local at
    for at in 0 1; do
        [ "$at" = 0 ] || printf ', '
        printf '{ "name": "s%s", "host": "127.0.0.1", "port": %s }' "$at" "$(cat "$shared/m$at/port")"
    done
}

config() { # file
    cat >"$1" <<JSON
{
  "kafka": { "bootstrap_servers": "$bootstrap", "group_id": "$group"$kafka_extra },
  "streams": [$(event_stream "$topic")],
  "shard_defaults": { "user": "millrace", "database": "$database", "password_file": "$work/password"$shard_extra },
  "shards": [ $(shards_json) ],
  "dlq": { "topic": "$dlq" }$extra
}
JSON
}

# Number from 0; its pid is in workers[number], its addresses in http[number] and probes[number].
worker_start() {
    [ -x "$millrace" ] || fail "$millrace is missing: ninja -C build/release"
    http[$1]=127.0.0.1:$(free_port)
    probes[$1]=127.0.0.1:$(free_port)
    # The tests' own variables would be warned about as unknown settings.
    local variable unset=()
    while read -r variable; do unset+=(-u "$variable"); done < <(compgen -e MILLRACE_)
    env "${unset[@]}" MILLRACE_HTTP_LISTEN="${http[$1]}" MILLRACE_HTTP_PROBE_LISTEN="${probes[$1]}" \
        "${worker_under[@]}" "$millrace" run -c "$work/config.json" </dev/null >>"$work/worker$1.out" 2>>"$work/worker$1.log" &
    workers[$1]=$!
}

# Until it is a member of the group: before, it can leave no mark.
worker_ready() {
    local i
    for ((i = 0; i < 600; i++)); do
        ! curl -fsS --max-time 2 "http://${probes[$1]}/readyz" >/dev/null 2>&1 || return 0
        worker_alive "$1"
        sleep 0.1
    done
    fail "worker $1 is not ready after 60 s"
}

worker_alive() {
    kill -0 "${workers[$1]}" 2>/dev/null || fail "worker $1 has ended by itself"
}

worker_kill() {
    kill -KILL "${workers[$1]}"
    wait "${workers[$1]}" 2>/dev/null || true
    unset "workers[$1]"
}

# TERM: must end within the grace period with 0, or with the status given (75 where something cannot become durable).
worker_stop() {
    local pid=${workers[$1]} status=0 begun=$SECONDS
    kill -TERM "$pid" 2>/dev/null || fail "worker $1 has ended by itself"
    (sleep 40 && kill -ABRT "$pid" 2>/dev/null) &
    local guard=$!
    wait "$pid" || status=$?
    kill "$guard" 2>/dev/null || true
    wait "$guard" 2>/dev/null || true
    unset "workers[$1]"
    [ "$status" -eq 0 ] || [ "$status" -eq "${2:-0}" ] || fail "worker $1 ended with $status after SIGTERM"
    [ $((SECONDS - begun)) -le 30 ] || fail "worker $1 took $((SECONDS - begun)) s to end"
}

# ---- events and rows ----

produce() { # tools_produce's options
    "$tools/tools_produce" --bootstrap "$bootstrap" --topic "$topic" "$@"
}

# Events without end, in the background.
feed() { # events a second, tools_produce's options...
    "$tools/tools_produce" --bootstrap "$bootstrap" --topic "$topic" --events 1000000000 --rate "$1" "${@:2}" >/dev/null &
    feeder=$!
}

feed_stop() {
    kill "$feeder"
    wait "$feeder" || true
    feeder=''
}

rows() {
    echo $(($(sql 0 "SELECT COUNT(*) FROM $database.events") + $(sql 1 "SELECT COUNT(*) FROM $database.events")))
}

wait_rows() { # at least so many, seconds
    local until=$((SECONDS + $2)) have
    while have=$(rows) && [ "$have" -lt "$1" ]; do
        [ "$SECONDS" -lt "$until" ] || fail "$have rows after $2 s, $1 were expected"
        sleep 0.2
    done
}

wait_lag_gone() { # seconds
    local until=$((SECONDS + $1)) have pid
    while have=$(admin lag "$group" "$topic" 2>/dev/null) || have=unknown; [ "$have" != 0 ]; do
        [ "$SECONDS" -lt "$until" ] || fail "the group is still $have events behind after $1 s"
        for pid in "${workers[@]}"; do
            kill -0 "$pid" 2>/dev/null || fail "a worker has ended by itself, $have events before the end"
        done
        sleep 0.3
    done
}

# A shard may have been parked for a moment, also when nothing was broken on purpose: lag 0 says nothing of its events then.
wait_nothing_parked() { # seconds
    local until=$((SECONDS + $1))
    while admin committed "$group" "$topic" | grep -qE '\.[pr]:[^ ]*$'; do
        [ "$SECONDS" -lt "$until" ] || fail "something is still parked after $1 s"
        sleep 0.3
    done
}

# Waits until all is committed, for then the dead letters are there as well, and compares.
verify() { # tools_verify's options
    wait_lag_gone 120
    wait_nothing_parked 60
    "$tools/tools_verify" --bootstrap "$bootstrap" --topic "$topic" --dlq "$dlq" --user root \
        --shard "$shared/m0/s.sock,$database" --shard "$shared/m1/s.sock,$database" "$@" ||
        fail "not every event became exactly one correct row or dead letter"
}

# Every commit carries its mark; after an orderly end it says clean.  Entries, where something is parked: p:HASH:FROM and r:HASH:FROM:TO.
check_marks() { # clean (and nothing parked), parked (somewhere) or any
    local partition offset end mark entry parked=0 list
    while read -r partition offset end mark; do
        [[ $mark =~ ^mr1\.[0-9a-f]{16}\.(clean|dirty)\.([0-9]+)\.(.*)$ ]] ||
            fail "partition $partition: the commit's metadata is '$mark'"
        [ "${BASH_REMATCH[2]}" = "$offset" ] || fail "partition $partition: $mark at offset $offset"
        [ "$1" != clean ] || [ "${BASH_REMATCH[1]}" = clean ] || fail "partition $partition: $mark after an orderly end"
        [ "$1" != clean ] || [ "$offset" = "$end" ] || fail "partition $partition: $offset committed of $end"
        IFS=, read -ra list <<<"${BASH_REMATCH[3]}"
        for entry in "${list[@]}"; do
            [[ $entry =~ ^(p:[0-9a-f]{8}:[0-9]+|r:[0-9a-f]{8}:[0-9]+:[0-9]+)$ ]] || fail "partition $partition: the entry '$entry' in $mark"
            parked=$((parked + 1))
        done
    done < <(admin committed "$group" "$topic")
    [ "$1" != clean ] || [ "$parked" = 0 ] || fail "$parked parked ranges are left after an orderly end"
    [ "$1" != parked ] || [ "$parked" -gt 0 ] || fail "nothing is parked by the commits"
}

# Worker's number: by its own metrics, everything that came in has become something, and nothing is in flight.  Called when all is committed;
# the last numbers may still be on their way then.
check_ledger() {
    local i
    for ((i = 0; i < 50; i++)); do
        curl -fsS --max-time 5 "http://${http[$1]}/metrics" >"$work/ledger" || fail "worker $1 does not show its metrics"
        ! awk '
            { sub(/[{ ].*/, "", $1) }
            $1 ~ /^millrace_(messages_consumed|replay_read)_total$/ { came += $NF }
            $1 ~ /^millrace_(rows_written|dead_letters|filtered|skipped_parked|released)_total$/ { went += $NF }
            $1 == "millrace_in_flight_records" { flies = $NF; seen = 1 }
            END { printf "%.0f came in, %.0f settled, %.0f in flight\n", came, went, flies; exit !(seen && came > 0 && came == went && flies == 0) }
        ' "$work/ledger" >"$work/ledger.said" || { say "worker $1: $(cat "$work/ledger.said")"; break; }
        sleep 0.2
    done
    [ "$i" -lt 50 ] || fail "the counters of worker $1 do not add up: $(cat "$work/ledger.said")"
    ! grep -h '"event":"counters_disagree"' "$work/worker$1.log" || fail "worker $1 says that its counters disagree"
}

# Worker's number, a metric's name with its labels or their beginning: the sum of its series, a whole number.
metric() {
    curl -fsS --max-time 5 "http://${http[$1]}/metrics" | awk -v what="$2" 'index($0, what) == 1 { sum += $NF } END { printf "%.0f\n", sum }'
}

wait_for() { # seconds, what is waited for, command...
    local until=$((SECONDS + $1)) what=$2 after=$1
    shift 2
    while ! "$@"; do
        [ "$SECONDS" -lt "$until" ] || fail "$what: not after $after s"
        sleep 0.2
    done
}

# Whether an expression in Python is true of worker's status `d`.
status_is() { # worker, expression
    curl -fsS --max-time 5 "http://${http[$1]}/status" >"$work/status" || fail "worker $1 does not show its status"
    python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); sys.exit(0 if eval(sys.argv[2]) else 1)' "$work/status" "$2"
}

letters() { # topic: how many messages it has
    admin ends "${1:-$dlq}" | awk '{ sum += $3 - $2 } END { print sum + 0 }'
}

scaled() {
    echo $(($1 / scale))
}

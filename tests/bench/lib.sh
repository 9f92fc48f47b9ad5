# lib.sh: what the benchmarks share that run programs between a real Kafka and two durable database servers; sourced by compare, age, shapes, cost.
#
# A program is a name with three functions: NAME_prepare gets it (or says why not, and fails), NAME_start starts it and sets `program`, and
# is told what to do by the variables topic, group, linger.  Millrace and the raw loop are here, the peers in peers/NAME/peer.sh with their
# configurations.  Everything is below $work, on loopback, on free ports, and is stopped at the end.
#
# MILLRACE_BUILD: folder of the build (build/release).  MILLRACE_CACHE: where peers are kept.
# shellcheck shell=bash disable=SC2034,SC2154
set -euo pipefail
export LC_ALL=C PYTHONDONTWRITEBYTECODE=1

bench=$(basename "$0")
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=../tools/ports.sh
. "$root/tests/tools/ports.sh"
# shellcheck source=progress.sh
. "$root/tests/bench/progress.sh"
# shellcheck source=../tools/events.sh
. "$root/tests/tools/events.sh"
peers=$root/tests/bench/peers
build=${MILLRACE_BUILD:-$root/build/release}
cache=${MILLRACE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/millrace}
database_server=${MILLRACE_MARIADB_SERVER:-$root/tests/tools/mariadb-server}
database_options=(--innodb-buffer-pool-size=1G --innodb-log-file-size=1G)
database_name=MariaDB
collation=utf8mb4_nopad_bin
statement_rows='' # rows of a prepared multi-row INSERT; empty: array binding
work=$(mktemp -d "${TMPDIR:-/tmp}/millrace-$bench.XXXXXX")
topic=bench
group=bench
linger=20       # ms that a row may wait for company, where the program has such a setting
connections=2    # of Millrace to a shard that may write at the same time
program=''      # its process
shards=()       # Millrace's: a JSON object each; empty: one on each server
shard_extra=''  # further members of its "shard_defaults", with a leading comma
settings=''     # ... of its configuration
event_bytes=443 # of the tables in README.md

say() { printf '%s  %s\n' "$(date -u +%T)" "$*" >&2; }

die() {
    echo "$bench: $*" >&2
    exit 1
}

usage() { # exit status: the head of the script
    sed -n '2,/^\(# shellcheck\|[^#]\)/{/^\(# shellcheck\|[^#]\)/d;s/^# \{0,1\}//;p}' "$0"
    exit "$1"
}

number() { # option, value
    [[ $2 =~ ^[1-9][0-9]*$ ]] || {
        echo "$bench: $1 wants a number, not '$2'" >&2
        exit 2
    }
    echo "$2"
}

clean() {
    local status=$? at
    trap - EXIT
    [ -z "$program" ] || kill -KILL "$program" 2>/dev/null || true
    for at in $(jobs -p); do kill "$at" 2>/dev/null || true; done
    wait 2>/dev/null || true
    [ ! -e "$work/kafka/voters" ] || "$root/tests/tools/kafka-server" kill "$work/kafka" || true
    for at in 0 1; do
        [ ! -e "$work/m$at/pid" ] || kill -CONT "$(cat "$work/m$at/pid")" 2>/dev/null || true # one that is frozen does not hear
        "$database_server" stop "$work/m$at" || true
    done
    if [ "$status" -ne 0 ] && [ -n "${MILLRACE_KEEP:-}" ]; then say "kept: $work"; else rm -rf "$work"; fi
    exit "$status"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- servers ----

need_built() {
    local name
    for name in millrace tests/tools_produce tests/tools_admin "$@"; do
        [ -x "$build/$name" ] || die "$build/$name is missing: cmake --preset release && ninja -C build/release"
    done
    mkdir -p "$cache"
}

start_servers() {
    local at
    MILLRACE_KAFKA_HEAP=512m with_progress 'starting Kafka' 0 '' "$root/tests/tools/kafka-server" start "$work/kafka"
    bootstrap=$(cat "$work/kafka/bootstrap")
    for at in 0 1; do
        with_progress "starting $database_name" 0 '' "$database_server" start "$work/m$at" "${database_options[@]}"
        sql "$at" "CREATE USER bench@'%' IDENTIFIED BY 'bench'; GRANT ALL ON *.* TO bench@'%'"
    done
}

# Rows go by prepared multi-row INSERTs: to a real MySQL where it can be had, else to MariaDB written to like one.
use_mysql() {
    local why
    shard_extra=', "dialect": "mysql"' statement_rows=128
    why=$("$root/tests/tools/mysql-server" prepare) || {
        say "MariaDB takes the place of MySQL: $why"
        database_name='MariaDB, as if it were MySQL'
        return 0
    }
    database_server=$root/tests/tools/mysql-server
    database_options=(--innodb-buffer-pool-size=1G --innodb-redo-log-capacity=2G --max-allowed-packet=64M)
    database_name=MySQL
    collation=utf8mb4_0900_bin
    export MARIADB_PLUGIN_DIR=${MARIADB_PLUGIN_DIR:-/usr/lib/$(uname -m)-linux-gnu/libmariadb3/plugin} # its logins are a plugin's
}

sql() { # server, statement
    mariadb --no-defaults -S "$work/m$1/s.sock" -uroot -N -B -e "$2"
}

# The table is made anew; the pause lets the server write out what was dropped.
fresh_tables() { # further columns, databases... (bench)
    local at database columns=${1:-}
    shift || true
    [ $# -gt 0 ] || set -- bench
    for at in 0 1; do
        for database in "$@"; do
            sql "$at" "CREATE DATABASE IF NOT EXISTS $database; DROP TABLE IF EXISTS $database.events;
                CREATE TABLE $database.events ($event_columns$columns) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE $collation"
        done
    done
    sleep 2
}

rows() { # databases... (bench)
    local at database sum=0
    [ $# -gt 0 ] || set -- bench
    for at in 0 1; do
        for database in "$@"; do sum=$((sum + $(sql "$at" "SELECT COUNT(*) FROM $database.events"))); done
    done
    echo "$sum"
}

admin() { "$build/tests/tools_admin" "$bootstrap" "$@"; }

# tools_produce without a word.
send() { # its options
    "$build/tests/tools_produce" --bootstrap "$bootstrap" --topic "$topic" --exact "$event_bytes" "$@" >"$work/produced.json"
}

produce() { # tools_produce's options
    local all rate
    all=$(option events "$@") rate=$(option rate "$@")
    if [ -z "$rate" ]; then
        with_progress 'events produced' "$all" topic_events send "$@"
    else # nobody counts beside what may be measured
        with_progress "producing $rate events a second" $((all / rate + 1)) '' send "$@"
    fi
}

option() { # name, options: its value
    local name=$1
    shift
    while [ $# -gt 1 ]; do
        [ "$1" != "--$name" ] || echo "$2"
        shift 2
    done
}

# ---- measuring ----

# Until so many rows are there; the line of bench_watch, which says how fast and at what cost, in $work/watched.json.  Fails when they do not come.
watch_rows() { # rows, databases... (bench)
    local rows=$1 database tables=()
    shift
    [ $# -gt 0 ] || set -- bench
    for database in "$@"; do tables+=(--table "$database.events"); done
    "$build/tests/bench_watch" --rows "$rows" "${tables[@]}" --program "$program" --broker "$(cat "$work/kafka/1/pid")" \
        --database "$(cat "$work/m0/pid")" --database "$(cat "$work/m1/pid")" "$work/m0/s.sock" "$work/m1/s.sock" >"$work/watched.json"
}

field() { # name, file
    sed -n "s/.*\"$1\":\([-0-9.]*\).*/\1/p" "$2"
}

median() { sort -g | awk '{ at[NR] = $1 } END { if (NR) print (NR % 2) ? at[(NR + 1) / 2] : (at[NR / 2] + at[NR / 2 + 1]) / 2 }'; }

# TERM, and KILL for who does not end within 20 s: what is measured is over.
end_program() {
    local i
    for i in TERM KILL; do
        kill "-$i" "$program" 2>/dev/null || break
        for ((n = 0; n < 200; n++)); do
            kill -0 "$program" 2>/dev/null || break 2
            sleep 0.1
        done
    done
    wait "$program" 2>/dev/null || true
    program=''
}

# Age of rows at a steady rate: a topic of its own, some events first, so that everything is warm and has its partitions, then the rate.  The
# first fifth of the time does not count.  The line of bench_age in $work/age.json.
age_at() { # name of the program, events a second, seconds, partitions
    local name=$1 rate=$2 events=$(($2 * $3)) warm=$(($2 / 2))
    topic=age-$name-$rate-$RANDOM group=$topic linger=5
    fresh_tables ', inserted_at DATETIME(6) DEFAULT SYSDATE(6)'
    admin create "$topic" "$4" message.timestamp.type=LogAppendTime
    "${name}_start"
    produce --first 1000000000 --events "$warm" --rate $((rate / 4 + 1)) --property linger.ms=1
    wait_for_rows "$warm" && {
        produce --events "$events" --rate "$rate" --property linger.ms=1
        wait_for_rows $((warm + events))
    } || return 1
    end_program
    with_progress 'comparing events and rows' 0 '' "$build/tests/bench_age" "$bootstrap" "$topic" "$events" $((events / 5)) \
        "$work/m0/s.sock" bench "$work/m1/s.sock" bench >"$work/age.json"
}

wait_for_rows() { # rows, seconds (120)
    local begun=$SECONDS have
    until have=$(rows) && [ "$have" -ge "$1" ]; do
        progress rows "${have:-0}" "$1" $((SECONDS - begun))
        kill -0 "$program" 2>/dev/null || { say "the program has ended"; return 1; }
        [ $((SECONDS - begun)) -lt "${2:-120}" ] || { say "$have rows of $1"; return 1; }
        sleep 0.3
    done
    progress_end
}

# ---- programs ----

fill() { # a configuration with @NAMES@
    sed -e "s|@BOOTSTRAP@|$bootstrap|g; s|@TOPIC@|$topic|g; s|@GROUP@|$group|g; s|@LINGER_MS@|$linger|g; s|@WORK@|$work|g" \
        -e "s|@SOCKET0@|$work/m0/s.sock|g; s|@SOCKET1@|$work/m1/s.sock|g; s|@PORT@|${port:-}|g" "$1"
}

raw_prepare() { :; }

# It ends by itself when it has read `events`, which it has to know.
raw_start() {
    "$build/tests/bench_raw_loop" "$bootstrap" "$topic" "$events" "$work/m0/s.sock" "$work/m1/s.sock" bench \
        ${statement_rows:+"$statement_rows"} >"$work/raw.log" 2>&1 &
    program=$!
}

millrace_prepare() { :; }

millrace_start() {
    local list
    port=$(free_port) probe_port=$(free_port)
    [ ${#shards[@]} -gt 0 ] ||
        local shards=("{ \"name\": \"s0\", \"socket\": \"$work/m0/s.sock\" }" "{ \"name\": \"s1\", \"socket\": \"$work/m1/s.sock\" }")
    list=$(printf '%s, ' "${shards[@]}")
    cat >"$work/millrace.json" <<JSON
{
  "kafka": { "bootstrap_servers": "$bootstrap", "group_id": "$group" },
  "streams": [$(event_stream "$topic")],
  "shard_defaults": { "user": "bench", "password_file": "$work/password", "database": "bench"$shard_extra },
  "shards": [ ${list%, } ],
  "batch": { "linger_ms": $linger, "connections": $connections },
  "dlq": { "topic": "bench.dlq" },
  "http": { "listen": "127.0.0.1:$port", "probe_listen": "127.0.0.1:$probe_port" }$settings
}
JSON
    (umask 077 && echo bench >"$work/password")
    local variable unset=() # the benchmarks' own variables are no settings of the worker's
    while read -r variable; do unset+=(-u "$variable"); done < <(compgen -e MILLRACE_)
    started_at=$EPOCHREALTIME
    env "${unset[@]}" "$build/millrace" run -c "$work/millrace.json" </dev/null >"$work/millrace.log" 2>&1 &
    program=$!
}

for peer in rsyslog debezium benthos; do
    # shellcheck source=/dev/null
    . "$peers/$peer/peer.sh"
done

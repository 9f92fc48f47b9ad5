# Debezium's JDBC sink in Kafka Connect, from Maven Central; sourced by ../../lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154
debezium_prepare() {
    debezium=$cache/debezium-$(sha256sum <"$peers/debezium/pom.xml" | cut -c1-12)
    [ ! -e "$debezium/.complete" ] || return 0
    command -v mvn >/dev/null || { echo "Maven is missing"; return 1; }
    rm -rf "$debezium"
    nice mvn -B -q -f "$peers/debezium/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$debezium" \
        >"$cache/debezium.log" 2>&1 ||
        { echo "Maven could not get it: $(grep -m 1 ERROR "$cache/debezium.log" | cut -c1-200)"; return 1; }
    touch "$debezium/.complete"
}

# Kafka Connect starts with a heap of up to 2 GiB (its own connect-standalone.sh: -Xms256M -Xmx2G); so here.
debezium_start() {
    local at sinks=()
    port=$(free_port)
    fill "$peers/debezium/worker.properties" >"$work/worker.properties"
    for at in 0 1; do
        fill "$peers/debezium/sink.properties" |
            sed -e "s|@SHARD@|$at|g" -e "s|@DATABASE_PORT@|$(cat "$work/m$at/port")|g" >"$work/sink$at.properties"
        sinks+=("$work/sink$at.properties")
    done
    rm -f "$work/connect.offsets"
    java -Xms256m -Xmx2g -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.showDateTime=true -cp "$debezium/*" \
        org.apache.kafka.connect.cli.ConnectStandalone "$work/worker.properties" "${sinks[@]}" </dev/null >"$work/debezium.log" 2>&1 &
    program=$!
}

# Benthos (MIT), the ancestor of Redpanda Connect, built from the Go module proxy; sourced by ../../lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154
benthos_prepare() {
    benthos=$cache/benthos-$(cat "$peers/benthos/"{go.mod,main.go} | sha256sum | cut -c1-12)
    [ ! -x "$benthos" ] || return 0
    command -v go >/dev/null || { echo "Go is missing"; return 1; }
    (cd "$peers/benthos" && nice go build -trimpath -ldflags '-s -w' -o "$benthos.new" .) >"$cache/benthos.log" 2>&1 ||
        { echo "it could not be built: $(tail -n 1 "$cache/benthos.log")"; return 1; }
    mv "$benthos.new" "$benthos"
}

benthos_start() {
    fill "$peers/benthos/config.yaml" >"$work/benthos.yaml"
    "$benthos" -c "$work/benthos.yaml" </dev/null >"$work/benthos.log" 2>&1 &
    program=$!
}

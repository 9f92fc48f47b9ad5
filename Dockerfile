# The image of Millrace: the program, the shared libraries that it needs, CA certificates, and nothing else: no shell, no package manager.
#
#   docker build -t millrace .
#   docker run --read-only --cap-drop=ALL -v ./millrace.json:/etc/millrace/millrace.json:ro -p 7780:7780 -p 7781:7781 millrace
#
# Debian 13 has librdkafka 2.8 and MariaDB Connector/C 3.4.  The unit and model tests run while it is built.
FROM docker.io/library/debian:trixie-slim AS build
# A failed ldd below is an error, not an image without libraries.
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        ca-certificates cmake gcc libc6-dev libcmocka-dev libjansson-dev libmariadb-dev libmicrohttpd-dev librdkafka-dev \
        ninja-build pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY CMakeLists.txt ./
COPY include include
COPY worker worker
COPY tests tests
COPY docs docs
COPY deploy deploy
# Paths of this build do not get into the program, so that two builds of one commit are the same.
RUN cmake -G Ninja -B /build -D CMAKE_BUILD_TYPE=RelWithDebInfo -D CMAKE_C_FLAGS="-ffile-prefix-map=/src=. -ffile-prefix-map=/build=." \
    && ninja -C /build \
    && ctest --test-dir /build --output-on-failure --no-tests=error -j 2
# What the program needs to run, gathered below /root-fs: the libraries by what the loader says, and the plugins of Connector/C that the loader does not know of.
RUN set -eu; to=/root-fs; triplet=$(gcc -dumpmachine); \
    mkdir -p "$to/usr/bin" "$to/etc/ssl/certs" "$to/etc/millrace" "$to/usr/lib/$triplet/libmariadb3/plugin"; \
    ln -s usr/bin "$to/bin"; ln -s usr/lib "$to/lib"; if [ -e /lib64 ]; then ln -s usr/lib64 "$to/lib64"; fi; \
    install -s -m 755 /build/millrace "$to/usr/bin/millrace"; \
    plugins="/usr/lib/$triplet/libmariadb3/plugin"; \
    for plugin in caching_sha2_password sha256_password client_ed25519 mysql_clear_password; do cp "$plugins/$plugin.so" "$to$plugins/"; done; \
    ldd "$to/usr/bin/millrace" "$to$plugins"/*.so | sed -nE 's/^[^/]*(\/[^ ]+) \(.*/\1/p' | sort -u | grep -v '^/root-fs' | while read -r library; do \
        at=$(readlink -f "$(dirname "$library")"); mkdir -p "$to$at"; cp -L "$library" "$to$at/"; done; \
    cp /etc/ssl/certs/ca-certificates.crt "$to/etc/ssl/certs/"; \
    echo 'millrace:x:65532:65532::/:/nonexistent' >"$to/etc/passwd"; \
    echo 'millrace:x:65532:' >"$to/etc/group"; \
    find "$to" -exec touch -h -d @0 {} +

FROM scratch
COPY --from=build /root-fs /
LABEL org.opencontainers.image.title="millrace" \
    org.opencontainers.image.description="Events from Kafka topics to rows in MySQL and MariaDB shards" \
    org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
STOPSIGNAL SIGTERM
# Metrics and status; probes.
EXPOSE 7780 7781
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["/usr/bin/millrace", "status", "--probe"]
ENTRYPOINT ["/usr/bin/millrace"]
CMD ["run"]

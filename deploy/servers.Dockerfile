# Gateway and Tor, as Debian ships and mends them: `docker build -f deploy/servers.Dockerfile --target tor .`
# A rebuild takes Debian's newest patches, which is why no package's version is named.

ARG DEBIAN_IMAGE=debian:trixie-slim

FROM ${DEBIAN_IMAGE} AS gateway
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 /run/lucid/gateway /run/lucid/figures
# Our own processes' user: `manage.py gateway write` makes the files that it reads, for their owner alone.
USER 65532:65532
HEALTHCHECK --start-period=30s --interval=15s --timeout=5s --retries=4 \
    CMD ["/usr/bin/test", "-S", "/run/lucid/gateway/api.sock"]
ENTRYPOINT ["/usr/sbin/haproxy"]
CMD ["-W", "-db", "-f", "/etc/lucid/gateway/haproxy.cfg"]

FROM ${DEBIAN_IMAGE} AS tor
# Numbers that compose.yaml can name: who is in the group may use the socket that leads outside.
RUN groupadd --system --gid 990 debian-tor \
    && useradd --system --uid 990 --gid 990 --home-dir /var/lib/tor --shell /usr/sbin/nologin debian-tor
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends tor \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 990 -g 990 -m 0700 /var/lib/lucid/tor \
    && install -d -o 990 -g 990 -m 0750 /run/lucid/tor
COPY deploy/tor /usr/local/share/lucid-tor/
USER 990:990
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s --retries=4 \
    CMD ["/usr/bin/test", "-S", "/run/lucid/tor/socks.sock"]
ENTRYPOINT ["/bin/sh", "/usr/local/share/lucid-tor/start"]
CMD ["/var/lib/lucid/tor", "/usr/local/share/lucid-tor/torrc"]

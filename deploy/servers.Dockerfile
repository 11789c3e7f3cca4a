# Gateway and Tor, as Debian ships and mends them: `docker build -f deploy/servers.Dockerfile --target tor .`
# A rebuild takes Debian's newest patches, which is why no package's version is named; the users are the packages' own.

ARG DEBIAN_IMAGE=debian:trixie-slim

FROM ${DEBIAN_IMAGE} AS gateway
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends haproxy \
    && rm -rf /var/lib/apt/lists/*
# hadolint ignore=DL3066
USER haproxy
HEALTHCHECK --start-period=30s --interval=15s --timeout=5s --retries=4 \
    CMD ["/usr/sbin/haproxy", "-c", "-q", "-f", "/etc/haproxy/haproxy.cfg"]
ENTRYPOINT ["/usr/sbin/haproxy"]
CMD ["-W", "-db", "-f", "/etc/haproxy/haproxy.cfg"]

FROM ${DEBIAN_IMAGE} AS tor
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends tor \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/tor /usr/local/share/lucid-tor/
# hadolint ignore=DL3066
USER debian-tor
HEALTHCHECK --start-period=30s --interval=30s --timeout=5s --retries=4 \
    CMD ["/usr/bin/test", "-S", "/run/lucid/tor/socks.sock"]
ENTRYPOINT ["/bin/sh", "/usr/local/share/lucid-tor/start"]
CMD ["/var/lib/lucid/tor", "/usr/local/share/lucid-tor/torrc"]

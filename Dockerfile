# Sallyport as a container: one binary on Debian slim, no root, no writable path but what is mounted.
#
#   docker build -t sallyport .
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     -v ./sallyport.toml:/etc/sallyport/sallyport.toml:ro -v ./tls:/etc/sallyport/tls:ro \
#     -p 465:1465 -p 587:1587 -p 2525:2525 sallyport
#
# Listen on 1465, 1587 and 2525 in the config: 10001 may not bind ports below 1024 everywhere. What is
# mounted must be readable by 10001. Bodies past message.memory_threshold go to /tmp: give it room there.
# No HEALTHCHECK: orchestrators ask http://…:9465/livez and /readyz themselves, when [admin] has an address.
ARG DEBIAN=debian:bookworm-slim

FROM ${DEBIAN} AS build
WORKDIR /src
# In the order of how seldom each changes: packages, BoringSSL, us.
COPY deploy/install-deps.sh deploy/
RUN deploy/install-deps.sh build && rm -rf /var/lib/apt/lists/*
COPY deploy/build-boringssl.sh deploy/
# A revision of upstream in place of Debian's snapshot of 2022: what production images want, named by its
# whole commit id (docs/security.md). Its folder is the script's last line.
ARG BORINGSSL_REVISION=
ARG BORINGSSL_URL=https://boringssl.googlesource.com/boringssl
RUN if [ -n "$BORINGSSL_REVISION" ]; then \
      apt-get -q update && apt-get -q install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* && \
      deploy/build-boringssl.sh --git "$BORINGSSL_URL" "$BORINGSSL_REVISION" >/boringssl-root; \
    else deploy/build-boringssl.sh >/boringssl-root; fi
COPY . .
RUN BORINGSSL_ROOT="$(tail -n 1 /boringssl-root)" deploy/build.sh --no-install && llvm-strip-19 --strip-debug build/release/sallyport

FROM ${DEBIAN}
ARG VERSION=0.1.0
ARG REVISION=
LABEL org.opencontainers.image.title="Sallyport" \
      org.opencontainers.image.description="An authenticated SMTP submission proxy in front of mail providers" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY deploy/install-deps.sh /tmp/
RUN /tmp/install-deps.sh run && rm -rf /tmp/install-deps.sh /var/lib/apt/lists/* /var/cache/apt/* \
    && install -d -o 10001 -g 10001 -m 750 /var/lib/sallyport
COPY LICENSE /usr/share/doc/sallyport/
COPY --from=build /src/build/release/sallyport /usr/bin/sallyport
# Fails the build when a library that the binary wants is not among the "run" packages.
RUN ["/usr/bin/sallyport", "version"]
USER 10001:10001
EXPOSE 1465 1587 2525 9465
ENTRYPOINT ["/usr/bin/sallyport"]
CMD ["run", "--config", "/etc/sallyport/sallyport.toml"]

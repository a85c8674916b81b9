# Plimsoll itself: one static program, nothing else, no user with a name and no shell.
#   docker build -t plimsoll:0.1.0 .
# Where what is built must be what was built before, pin the first line to a digest: `docker buildx imagetools inspect
# rust:1.95-alpine` shows it, and `FROM rust:1.95-alpine@sha256:…` uses it.
FROM rust:1.95-alpine AS build
# A C compiler for zstd and ring; certificates of public authorities for the final image.
RUN apk add --no-cache build-base ca-certificates
# The program carries the list of the crates in it, so that whoever judges this image (we, for one) can read what it is made of.
RUN cargo install --locked --version 0.7.7 cargo-auditable
WORKDIR /src
COPY . .
# musl is linked statically anyway; saying so makes a target that is not fail below. With the target named, the flag is for
# the program alone: the compiler's own plug-ins cannot be static.
ENV RUSTFLAGS="-C target-feature=+crt-static"
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
    && cargo auditable build --release --locked --target "$target" -p plimsoll \
    && cp "target/$target/release/plimsoll" /plimsoll \
    && if ldd /plimsoll 2>/dev/null | grep -q '=>'; then echo "plimsoll is not static" >&2; exit 1; fi \
    && mkdir -p /empty/cache /empty/tmp

FROM scratch
LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.description="Decides whether a container image may run, and says why" \
      org.opencontainers.image.licenses="Apache-2.0"
# Registries of your own authority: mount its PEM and say --ca, or mount a bundle over this file.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /empty/cache /var/cache/plimsoll
COPY --from=build --chown=65532:65532 /empty/tmp /tmp
COPY --from=build /plimsoll /usr/local/bin/plimsoll
ENV PATH=/usr/local/bin HOME=/var/cache/plimsoll XDG_CACHE_HOME=/var/cache
# A number, so that `runAsNonRoot` can be checked without a passwd file.
USER 65532:65532
EXPOSE 1323
ENTRYPOINT ["/usr/local/bin/plimsoll"]
CMD ["--help"]

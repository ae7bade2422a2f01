# The image by docker or buildah, the same files as `npm run image` writes without either:
#
#   docker build -t fairway .
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/fairway:TAG --push .
#   buildah build -t fairway .
#
# Each architecture is built on itself (or under qemu), since the compile cache and the shared libraries are of one.
ARG BASE=docker.io/library/node:22-bookworm-slim

FROM ${BASE} AS build
WORKDIR /fairway
COPY package.json package-lock.json .npmrc LICENSE ./
RUN npm ci
COPY src src
COPY services services
RUN npm run -s image -- --rootfs /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/usr/bin \
    HOME=/tmp \
    NODE_COMPILE_CACHE=/opt/fairway/compile-cache \
    NODE_COMPILE_CACHE_PORTABLE=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
ENTRYPOINT ["fairway"]

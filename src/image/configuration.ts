/** How a container of the image begins; the Dockerfile says the same. */

/** From the root, without the first slash. */
export const COMPILE_CACHE = "opt/fairway/compile-cache";

export const IMAGE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/bin",
  HOME: "/tmp",
  NODE_COMPILE_CACHE: `/${COMPILE_CACHE}`,
  NODE_COMPILE_CACHE_PORTABLE: "1",
  SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
};

export const IMAGE_ENTRYPOINT: readonly string[] = ["fairway"];

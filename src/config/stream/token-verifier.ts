/**
 * Projected service account tokens, verified without asking anyone: against the API server's public keys (JWKS) as they
 * were last given, so that it works while the API server is away. Keys and claims as Kubernetes makes them (OpenID
 * Connect Discovery, RFC 7519).
 */
import { createLocalJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";
import { type Clock, systemClock } from "#src/process/clock.ts";
import type { TokenIdentity } from "./identity.ts";

/** The audience of the config stream's tokens. */
export const TOKEN_AUDIENCE = "fairway-config";

export const TOKEN_FAULTS = [
  "noKeys",
  "malformed",
  "algorithm",
  "unknownKey",
  "signature",
  "issuer",
  "audience",
  "expired",
  "notYetValid",
  "claims",
] as const;
/** Why a token is not accepted. */
export type TokenFault = (typeof TOKEN_FAULTS)[number];

export type TokenVerdict =
  | { readonly identity: TokenIdentity; /** Milliseconds since 1970. */ readonly expiresAt: number }
  | { readonly fault: TokenFault };

export interface TokenVerifierOptions {
  /** Default "fairway-config". */
  readonly audience?: string;
  readonly clock?: Pick<Clock, "wall">;
}

const ALGORITHMS = ["RS256", "ES256"];
/** How far the clocks of the API server and of this machine may be apart. */
const SKEW_SECONDS = 30;
/** A projected token is about 1,200 characters. */
const MAX_TOKEN_LENGTH = 16 * 1024;

export class TokenVerifier {
  readonly #audience: string;
  readonly #clock: Pick<Clock, "wall">;
  #keys: { readonly find: JWTVerifyGetKey; readonly issuer: string } | undefined;

  constructor({ audience = TOKEN_AUDIENCE, clock = systemClock }: TokenVerifierOptions = {}) {
    this.#audience = audience;
    this.#clock = clock;
  }

  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  /**
   * From now on these keys and that issuer, as `/openid/v1/jwks` and `/.well-known/openid-configuration` say. What is
   * wrong with them, when they are none; then those before stay.
   */
  setKeys(jwks: unknown, issuer: string): string | undefined {
    if (issuer === "") return "the issuer is empty";
    if (!isKeySet(jwks)) return "not a JSON Web Key Set with at least one key";
    try {
      this.#keys = { find: createLocalJWKSet(jwks), issuer };
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async verify(token: string): Promise<TokenVerdict> {
    if (this.#keys === undefined) return { fault: "noKeys" };
    if (token.length > MAX_TOKEN_LENGTH) return { fault: "malformed" };
    try {
      const { payload } = await jwtVerify(token, this.#keys.find, {
        algorithms: ALGORITHMS,
        issuer: this.#keys.issuer,
        audience: this.#audience,
        clockTolerance: SKEW_SECONDS,
        currentDate: new Date(this.#clock.wall()),
        requiredClaims: ["exp"],
      });
      const identity = identityOf(payload);
      if (identity === undefined || payload.exp === undefined) return { fault: "claims" };
      return { identity, expiresAt: payload.exp * 1000 };
    } catch (error) {
      return { fault: faultOf(error) };
    }
  }
}

function isKeySet(value: unknown): value is { keys: { kty: string }[] } {
  if (typeof value !== "object" || value === null || !("keys" in value)) return false;
  const { keys } = value;
  return Array.isArray(keys) && keys.length > 0 && keys.every((key: unknown) => typeof field(key, "kty") === "string");
}

/** The private claim of bound tokens: `kubernetes.io`, with namespace, serviceaccount, pod and node. */
function identityOf(payload: JWTPayload): TokenIdentity | undefined {
  const claim = payload["kubernetes.io"];
  const namespace = field(claim, "namespace");
  const serviceAccount = field(field(claim, "serviceaccount"), "name");
  const podName = field(field(claim, "pod"), "name");
  const podUid = field(field(claim, "pod"), "uid");
  const nodeName = field(field(claim, "node"), "name") ?? "";
  const isWhole = [namespace, serviceAccount, podName, podUid].every(isName);
  return isWhole && typeof nodeName === "string"
    ? {
        namespace: String(namespace),
        serviceAccount: String(serviceAccount),
        podName: String(podName),
        podUid: String(podUid),
        nodeName,
      }
    : undefined;
}

const isName = (value: unknown): boolean => typeof value === "string" && value !== "";

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

function faultOf(error: unknown): TokenFault {
  if (error instanceof errors.JWTExpired) return "expired";
  if (error instanceof errors.JWTClaimValidationFailed) return claimFault(error.claim);
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) return "algorithm";
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return "unknownKey";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "signature";
  return "malformed";
}

function claimFault(claim: string): TokenFault {
  switch (claim) {
    case "iss":
      return "issuer";
    case "aud":
      return "audience";
    case "nbf":
      return "notYetValid";
    default:
      return "claims";
  }
}

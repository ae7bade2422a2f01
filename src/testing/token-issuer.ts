/** An API server's signer of projected service account tokens, made by hand so that the verifier does not check itself. */
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

export interface TokenFields {
  readonly audience?: string;
  readonly issuer?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly podName?: string;
  readonly podUid?: string;
  /** "": the claim is absent, as before Kubernetes 1.32. */
  readonly nodeName?: string;
  /** Seconds from now. */
  readonly notBefore?: number;
  readonly expires?: number;
  /** In place of what the key asks for. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Over the claims as they would be. */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export class TokenIssuer {
  readonly issuer = "https://kubernetes.default.svc.cluster.local";
  readonly keyId: string;
  readonly #algorithm: "RS256" | "ES256";
  readonly #privateKey: KeyObject;
  readonly #jwk: object;

  constructor(algorithm: "RS256" | "ES256" = "ES256", keyId = `${algorithm}-1`) {
    const { privateKey, publicKey } =
      algorithm === "RS256"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#algorithm = algorithm;
    this.keyId = keyId;
    this.#privateKey = privateKey;
    this.#jwk = { ...publicKey.export({ format: "jwk" }), kid: keyId, alg: algorithm, use: "sig" };
  }

  /** As `/openid/v1/jwks` says it. */
  get jwks(): { readonly keys: readonly object[] } {
    return { keys: [this.#jwk] };
  }

  token(fields: TokenFields = {}): string {
    const header = { alg: this.#algorithm, kid: this.keyId, ...fields.header };
    const signed = `${encode(header)}.${encode(claimsOf(this.issuer, fields))}`;
    const key = { key: this.#privateKey, dsaEncoding: "ieee-p1363" } as const;
    return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
  }
}

function claimsOf(issuer: string, fields: TokenFields): object {
  const now = Math.floor(Date.now() / 1000);
  const {
    namespace = "fairway-system",
    serviceAccount = "balancer",
    podName = "balancer-0",
    nodeName = "node1",
  } = fields;
  return {
    aud: [fields.audience ?? "fairway-config"],
    exp: now + (fields.expires ?? 3600),
    iat: now,
    iss: fields.issuer ?? issuer,
    "kubernetes.io": {
      namespace,
      ...(nodeName === "" ? {} : { node: { name: nodeName, uid: "6a" } }),
      pod: { name: podName, uid: fields.podUid ?? `uid-${podName}` },
      serviceaccount: { name: serviceAccount, uid: "2c" },
      warnafter: now + 3607,
    },
    nbf: now + (fields.notBefore ?? 0),
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    ...fields.claims,
  };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

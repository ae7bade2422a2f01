/** Which identity a client is shown, by the name it asks for and the signatures it can verify. */
import type { ClientAlgorithms } from "./client-hello.ts";
import type { TlsIdentity } from "./tls-identity.ts";

/** What TLS listeners ask in the middle of a handshake. */
export interface CertificateStore {
  /** `serverName` is lower case, "" when the client sent none. Undefined refuses the client (alert unrecognized_name). */
  select(serverName: string, algorithms: ClientAlgorithms): TlsIdentity | undefined;
}

/** One name's identities: at most one of each key type is worth having. */
export interface NamedIdentity {
  /** Host name in lower case, `*.example.com`, or "" for every name that no other entry has. */
  readonly name: string;
  readonly identity: TlsIdentity;
}

/** A store that is replaced as a whole: the next handshake sees the new entries. */
export class CertificateTable implements CertificateStore {
  #byName = new Map<string, readonly TlsIdentity[]>();

  /** Entries of the same name are in order of preference. */
  replace(entries: readonly NamedIdentity[]): void {
    const table = new Map<string, TlsIdentity[]>();
    for (const { name, identity } of entries) {
      const same = table.get(name);
      if (same === undefined) table.set(name, [identity]);
      else same.push(identity);
    }
    this.#byName = table;
  }

  /** The exact name, the nearest wildcard above it, or the entry for every name. */
  select(serverName: string, algorithms: ClientAlgorithms): TlsIdentity | undefined {
    return pick(this.#lookup(serverName), algorithms);
  }

  #lookup(serverName: string): readonly TlsIdentity[] | undefined {
    let found = serverName === "" ? undefined : this.#byName.get(serverName);
    for (let dot = serverName.indexOf("."); dot >= 0 && found === undefined; dot = serverName.indexOf(".", dot + 1)) {
      found = this.#byName.get(`*${serverName.slice(dot)}`);
    }
    return found ?? this.#byName.get("");
  }
}

function pick(identities: readonly TlsIdentity[] | undefined, algorithms: ClientAlgorithms): TlsIdentity | undefined {
  return identities?.find(({ keyType }) => algorithms[keyType]) ?? identities?.[0];
}

/** Certificates of a data process by entry: made ready once, shown by every listener that names them, replaced live. */
import type { ListenerConfig } from "#src/config/model.ts";
import type { ConfigUpdate, Rejection } from "#src/config/stream/update.ts";
import type { NamedIdentity } from "#src/reactor/tls/certificate-store.ts";
import type { Tls } from "#src/reactor/tls/tls.ts";
import { createIdentity, type TlsIdentity } from "#src/reactor/tls/tls-identity.ts";

export class Certificates implements Disposable {
  readonly #tls: Tls;
  readonly #identities = new Map<string, TlsIdentity>();
  /** Replaced ones, kept until every listener's table has been made anew. */
  #replaced: TlsIdentity[] = [];

  constructor(tls: Tls) {
    this.#tls = tls;
  }

  apply({ upsert, entries }: ConfigUpdate): Rejection[] {
    const rejected: Rejection[] = [];
    for (const { key, version, value } of upsert) {
      if (value.kind !== "certificate") continue;
      const identity = createIdentity(this.#tls, value);
      if ("reason" in identity) rejected.push({ key, version, reason: identity.reason });
      else this.#put(key, identity);
    }
    for (const key of this.#identities.keys()) if (!entries.has(key)) this.#put(key, undefined);
    return rejected;
  }

  /** What a port's listeners show, each for its host name. */
  namedFor(listeners: readonly ListenerConfig[]): NamedIdentity[] {
    return listeners.flatMap(({ hostname, certificates }) =>
      certificates.flatMap((key) => {
        const identity = this.#identities.get(key);
        return identity === undefined ? [] : [{ name: hostname, identity }];
      }),
    );
  }

  /** Call when no listener's table names them any more. */
  disposeReplaced(): void {
    for (const identity of this.#replaced) identity[Symbol.dispose]();
    this.#replaced = [];
  }

  [Symbol.dispose](): void {
    this.disposeReplaced();
    for (const identity of this.#identities.values()) identity[Symbol.dispose]();
    this.#identities.clear();
  }

  #put(key: string, identity: TlsIdentity | undefined): void {
    const before = this.#identities.get(key);
    if (before !== undefined) this.#replaced.push(before);
    if (identity === undefined) this.#identities.delete(key);
    else this.#identities.set(key, identity);
  }
}

/** Zones to the table of prebuilt answers: once per change of the configuration, off the hot path. */
import { hashName, isWildcardName, nameKey } from "#src/dns/wire/name.ts";
import { RCODE } from "#src/dns/wire/rcode.ts";
import { TYPE } from "#src/dns/wire/type.ts";
import { lookup, selectZone, type Zone, type ZoneNode } from "#src/dns/zone/zone.ts";
import { AnswerStoreBuilder } from "./answer-store.ts";
import { type AnswerTable, KIND, liveNumber, NAME, PLACE } from "./answer-table.ts";
import { AnswerWriter, type Shape } from "./answer-writer.ts";
import { GrowingBytes } from "./growing-bytes.ts";
import { LiveAnswer, targetsOf } from "./live-answer.ts";
import { NO_TYPE, respond, respondNoData, type Response, type Zones } from "./response.ts";

const ALL_HEALTHY = (): boolean => true;

/** `numberOf` a zone is what its queries are counted under: `Query.zone`. */
export function compileZones(zones: readonly Zone[], numberOf: (zone: Zone) => number = () => -1): AnswerTable {
  return new Compiler(zones, numberOf).compile();
}

class Compiler {
  readonly #zones: Zones;
  readonly #numbers: ReadonlyMap<Zone, number>;
  readonly #writer = new AnswerWriter();
  readonly #store = new AnswerStoreBuilder(1 << 16);
  readonly #live: LiveAnswer[] = [];
  readonly #names: number[] = [];
  readonly #places: number[] = [];
  readonly #nameBytes = new GrowingBytes(1 << 12);
  /** Index of each name by nameKey, and the names' own bytes and hashes for the slots. */
  readonly #indexes = new Map<string, number>();
  readonly #hashes: number[] = [];

  constructor(zones: readonly Zone[], numberOf: (zone: Zone) => number) {
    this.#zones = new Map(zones.map((zone) => [nameKey(zone.origin), zone]));
    this.#numbers = new Map(zones.map((zone) => [zone, numberOf(zone)]));
  }

  compile(): AnswerTable {
    for (const zone of this.#zones.values()) {
      const noData = this.#answer(zone, respondNoData(zone), zone.origin, "ancestor");
      const missing = this.#store.addWithRcode(noData, RCODE.NXDOMAIN);
      for (const [key, node] of zone.nodes) {
        // What lies below another of our zones' origins is that zone's to answer.
        if (!node.occluded && selectZone(this.#zones, node.name, NO_TYPE) === zone)
          this.#name(key, zone, node, noData, missing);
      }
    }
    this.#linkWildcards();
    return {
      ...this.#slots(),
      names: Int32Array.from(this.#names),
      places: Int32Array.from(this.#places),
      nameBytes: this.#nameBytes.copy(),
      store: this.#store.build(),
      live: this.#live,
    };
  }

  #name(key: string, zone: Zone, node: ZoneNode, noData: number, missing: number): void {
    const index = this.#hashes.length;
    this.#indexes.set(key, index);
    this.#hashes.push(hashName(node.name, 0, node.name.length));
    const at = this.#nameBytes.append(node.name);
    const first = this.#places.length / PLACE.words;
    const absent = node.isCut
      ? this.#answer(zone, respond(this.#zones, zone, node.name, NO_TYPE), node.name, "ancestor")
      : this.#nameAnswers(zone, node, noData);
    const count = this.#places.length / PLACE.words - first;
    this.#names.push(at, node.name.length, first, count, node.isCut ? KIND.cut : KIND.name, -1, absent, missing);
    if (node.isCut) this.#delegationSigner(zone, node.name, noData);
    else if (node === zone.apex)
      this.#delegationSigner(selectZone(this.#zones, node.name, TYPE.DS)!, node.name, noData);
    this.#names[index * NAME.words + NAME.answerCount] = this.#places.length / PLACE.words - first;
  }

  /** Places an answer for each type that the name has. Returns the one for all others. */
  #nameAnswers(zone: Zone, node: ZoneNode, noData: number): number {
    const shape: Shape = isWildcardName(node.name) ? "wildcard" : "exact";
    const alias = node.rrsets.has(TYPE.CNAME);
    const from = this.#places.length;
    const types = alias ? this.#typesBehind(zone, node.name) : node.rrsets.keys();
    for (const type of types)
      this.#place(type, this.#answer(zone, respond(this.#zones, zone, node.name, type), node.name, shape));
    if (alias) {
      const own = this.#answer(zone, respond(this.#zones, zone, node.name, TYPE.CNAME), node.name, shape);
      this.#place(TYPE.CNAME, own);
      this.#place(TYPE.ANY, own);
      return this.#answer(zone, respond(this.#zones, zone, node.name, NO_TYPE), node.name, shape);
    }
    // ANY is answered with the first of the name's rrsets (RFC 8482 section 4.1).
    if (node.rrsets.size > 0) this.#place(TYPE.ANY, this.#places[from + PLACE.answer]!);
    return noData;
  }

  /** The types that stand at the end of a chain of aliases. */
  #typesBehind(zone: Zone, name: Uint8Array): number[] {
    const chain = respond(this.#zones, zone, name, NO_TYPE).answer;
    const last = chain.at(-1)?.rdatas[0];
    const end = last === undefined ? undefined : selectZone(this.#zones, last, NO_TYPE);
    if (last === undefined || end === undefined) return [];
    const found = lookup(end, last, NO_TYPE);
    return found.kind === "noData" ? [...found.node.rrsets.keys()] : [];
  }

  /** DS at a cut, or at our own child's apex, is the parent's to answer (RFC 4035 section 3.1.4.1). */
  #delegationSigner(parent: Zone, name: Uint8Array, noData: number): void {
    const isParent = parent.origin.length < name.length;
    this.#place(
      TYPE.DS,
      isParent ? this.#answer(parent, respond(this.#zones, parent, name, TYPE.DS), name, "exact") : noData,
    );
  }

  #place(type: number, answer: number): void {
    this.#places.push(type, answer);
  }

  /** Keeps the answer of `zone` to a question for `name`. Returns its number. */
  #answer(zone: Zone, response: Response, name: Uint8Array, shape: Shape): number {
    const source = { response, name, shape, zone: this.#numbers.get(zone)! };
    const targets = targetsOf(response);
    if (targets.length === 0) return this.#store.add(this.#writer.write(source, ALL_HEALTHY));
    return liveNumber(this.#live.push(new LiveAnswer(source, targets, this.#writer)) - 1);
  }

  #linkWildcards(): void {
    for (const [key, index] of this.#indexes) {
      this.#names[index * NAME.words + NAME.wildcard] = this.#indexes.get(`\u0001*${key}`) ?? -1;
    }
  }

  #slots(): Pick<AnswerTable, "slots" | "mask"> {
    let size = 16;
    while (size < 2 * this.#hashes.length) size *= 2;
    const slots = new Int32Array(2 * size);
    for (const [index, hash] of this.#hashes.entries()) {
      let slot = hash & (size - 1);
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & (size - 1);
      slots[2 * slot] = hash;
      slots[2 * slot + 1] = index + 1;
    }
    return { slots, mask: size - 1 };
  }
}

/** Zones to the table of prebuilt answers: once per change of the configuration, off the hot path. */
import { FLAG, HEADER_BYTES, readUint16 } from "#src/dns/wire/header.ts";
import { MessageWriter, type Section } from "#src/dns/wire/message-writer.ts";
import { hashName, isWildcardName, nameKey } from "#src/dns/wire/name.ts";
import { RCODE } from "#src/dns/wire/rcode.ts";
import { CLASS, TYPE } from "#src/dns/wire/type.ts";
import { lookup, selectZone, type Rrset, type Zone, type ZoneNode } from "#src/dns/zone/zone.ts";
import { ANSWER, KIND, NAME, PLACE, type AnswerTable } from "./answer-table.ts";
import { NO_TYPE, respond, respondNoData, type Response, type Zones } from "./response.ts";

/** A message has 65535 bytes; header, the longest question and OPT leave this much. */
const MAX_MESSAGE = 65_535 - 255 - 11;
/** The length of an answer that fits no message: it is always sent as TC. */
const NEVER_FITS = 0x20000;

/** `numberOf` a zone is what its queries are counted under: `Query.zone`. */
export function compileZones(zones: readonly Zone[], numberOf: (zone: Zone) => number = () => -1): AnswerTable {
  return new Compiler(zones, numberOf).compile();
}

/** How an answer's pointers follow the name that is asked. */
type Shape =
  /** For one name: nothing moves. */
  | "exact"
  /** For names below a wildcard's parent: all move but those to the name asked. */
  | "wildcard"
  /** For names at or below the one it was written for: all move. */
  | "ancestor";

class Compiler {
  readonly #zones: Zones;
  readonly #numbers: ReadonlyMap<Zone, number>;
  readonly #writer = new MessageWriter();
  readonly #scratch = new Uint8Array(65_535);
  readonly #names: number[] = [];
  readonly #places: number[] = [];
  readonly #answers: number[] = [];
  readonly #shifts: number[] = [];
  /** Index of each name by nameKey, and the names' own bytes and hashes for the slots. */
  readonly #indexes = new Map<string, number>();
  readonly #hashes: number[] = [];
  #bytes = new Uint8Array(1 << 16);
  #length = 0;

  constructor(zones: readonly Zone[], numberOf: (zone: Zone) => number) {
    this.#zones = new Map(zones.map((zone) => [nameKey(zone.origin), zone]));
    this.#numbers = new Map(zones.map((zone) => [zone, numberOf(zone)]));
  }

  compile(): AnswerTable {
    for (const zone of this.#zones.values()) {
      const noData = this.#answer(zone, respondNoData(zone), zone.origin, "ancestor");
      const missing = this.#withRcode(noData, RCODE.NXDOMAIN);
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
      answers: Int32Array.from(this.#answers),
      shifts: Uint16Array.from(this.#shifts),
      bytes: this.#bytes.slice(0, this.#length),
      zoneCount: this.#zones.size,
    };
  }

  #name(key: string, zone: Zone, node: ZoneNode, noData: number, missing: number): void {
    const index = this.#hashes.length;
    this.#indexes.set(key, index);
    this.#hashes.push(hashName(node.name, 0, node.name.length));
    const at = this.#append(node.name);
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

  /** Writes the answer of `zone` as it follows a question for `name`. Returns its index. */
  #answer(zone: Zone, response: Response, name: Uint8Array, shape: Shape): number {
    const writer = this.#writer;
    const asked = shape === "wildcard" ? standIn(name, response) : name;
    writer.begin(this.#scratch, 0, MAX_MESSAGE, 0, 0);
    writer.question(asked, 0, 0);
    const from = writer.length;
    const write = (section: Section, rrset: Rrset): boolean => {
      const owner = rrset.name === name ? asked : rrset.name;
      return rrset.rdatas.every((rdata) => writer.record(section, owner, rrset.type, CLASS.IN, rrset.ttl, rdata));
    };
    const fits =
      response.answer.every((rrset) => write("answer", rrset)) &&
      response.authority.every((rrset) => write("authority", rrset)) &&
      response.glue.every((rrset) => write("additional", rrset));
    const required = writer.length - from;
    const requiredCount = readUint16(this.#scratch, 10);
    const complete = response.additional.every((rrset) => write("additional", rrset));
    const length = complete ? writer.length - from : required;
    const index = this.#answers.length / ANSWER.words;
    this.#answers.push(
      this.#append(this.#scratch.subarray(from, from + length)),
      fits ? length : NEVER_FITS,
      fits ? required : NEVER_FITS,
      (response.authoritative ? FLAG.AA : 0) | response.rcode,
      readUint16(this.#scratch, 6),
      readUint16(this.#scratch, 8),
      complete ? readUint16(this.#scratch, 10) : requiredCount,
      requiredCount,
      name.length,
    );
    this.#shiftsOf(shape, from);
    this.#answers.push(this.#numbers.get(zone)!);
    return index;
  }

  /** Lists the written answer's pointers that move. */
  #shiftsOf(shape: Shape, from: number): void {
    const first = this.#shifts.length;
    for (const at of shape === "exact" ? [] : this.#writer.pointers) {
      const isOwner = (readUint16(this.#scratch, at) & 0x3fff) === HEADER_BYTES;
      if (shape === "ancestor" || !isOwner) this.#shifts.push(at - from);
    }
    this.#answers.push(first, this.#shifts.length - first);
  }

  /** The same bytes under another code. */
  #withRcode(answer: number, rcode: number): number {
    const words = this.#answers.slice(answer * ANSWER.words, (answer + 1) * ANSWER.words);
    words[ANSWER.flags] = (words[ANSWER.flags]! & ~0xf) | rcode;
    this.#answers.push(...words);
    return this.#answers.length / ANSWER.words - 1;
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

  /** Keeps a copy of `bytes`. Returns where it lies. */
  #append(bytes: Uint8Array): number {
    const at = this.#length;
    if (at + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array(2 * (at + bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, at);
    this.#length += bytes.length;
    return at;
  }
}

/**
 * A name of the wildcard's length that stands for the one asked: no rdata may be compressed to it, because the name asked
 * will be another one.
 */
function standIn(wildcard: Uint8Array, response: Response): Uint8Array {
  const name = wildcard.slice();
  const rrsets = [...response.answer, ...response.authority, ...response.glue, ...response.additional];
  const texts = rrsets.flatMap((rrset) => [rrset.name, ...rrset.rdatas].map(nameKey));
  for (name[1] = 0; texts.some((text) => text.includes(nameKey(name))); name[1]++);
  return name;
}

/**
 * A memfd mapped by every process of a service. It is mapped and wrapped once and never unmapped: V8 counts each wrap as
 * external memory again, and a living view of unmapped memory would point nowhere. An element index beyond 2^31 is slow,
 * so the mapping is cut into views of 2 GiB; never apply `| 0` to a byte offset.
 */
import { randomBytes, randomFillSync } from "node:crypto";
import { mapMemfd, createMemfd, memfdSize } from "#src/reactor/memfd.ts";
import { Slab } from "#src/reactor/slab.ts";
import { HEADER, MAGIC, SECRET_BYTES, SPAN_BYTES, layoutOf, type Layout, type SegmentOptions } from "./layout.ts";

const VIEW_BYTES = 2 ** 31;
/** Which view an offset in units lies in, and where in it. */
const VIEW_SHIFT = 25;
const VIEW_MASK = 0x1ffffff;

export class Segment {
  /** Descriptor to hand to children by their stdio list; -1 for memory of this process alone. */
  readonly fd: number;
  readonly layout: Layout;
  /** The mapping in views of at most 2 GiB, as the system calls take it and as words. */
  readonly slabs: readonly Slab[];
  readonly words: readonly Int32Array[];
  /** Header, rows, slots, rings: all of it lies in the first view. */
  readonly control: Int32Array;

  private constructor(fd: number, memory: ArrayBuffer, layout: Layout) {
    this.fd = fd;
    this.layout = layout;
    const slabs: Slab[] = [];
    const words: Int32Array[] = [];
    for (let at = 0; at < memory.byteLength; at += VIEW_BYTES) {
      const length = Math.min(VIEW_BYTES, memory.byteLength - at);
      slabs.push(new Slab(new Uint8Array(memory, at, length)));
      words.push(new Int32Array(memory, at, length / 4));
    }
    this.slabs = slabs;
    this.words = words;
    this.control = words[0]!;
  }

  /** A new segment whose memory is reserved at once, so that too little memory is an error now and not a kill later. */
  static create(name: string, options: SegmentOptions): Segment {
    const layout = layoutOf(options);
    const fd = createMemfd(name, layout.byteLength);
    const segment = new Segment(fd, mapMemfd(fd, layout.byteLength), layout);
    segment.#writeHeader();
    return segment;
  }

  /** The segment behind an inherited descriptor. */
  static open(fd: number): Segment {
    const memory = mapMemfd(fd, memfdSize(fd));
    const header = new Int32Array(memory, 0, 64);
    if (header[HEADER.magic] !== MAGIC)
      throw new Error(`Cannot open the segment at descriptor ${fd}: it has no header of ours`);
    const layout = layoutOf({
      processes: header[HEADER.processes]!,
      counters: header[HEADER.counters]!,
      gauges: header[HEADER.gauges]!,
      healthTargets: header[HEADER.healthTargets]!,
      slots: header[HEADER.slots]!,
      arenaBytes: header[HEADER.spans]! * SPAN_BYTES,
    });
    if (layout.byteLength !== memory.byteLength)
      throw new Error(
        `Cannot open the segment at descriptor ${fd}: its length is ${memory.byteLength} and not ${layout.byteLength}`,
      );
    return new Segment(fd, memory, layout);
  }

  /** The same over ordinary memory, for one process. */
  static local(options: SegmentOptions): Segment {
    const layout = layoutOf(options);
    const segment = new Segment(-1, new ArrayBuffer(layout.byteLength), layout);
    segment.#writeHeader();
    return segment;
  }

  /** Random bytes that the processes of a service share with nobody else: keys of TLS tickets. */
  get secret(): Uint8Array {
    const { control } = this;
    return new Uint8Array(control.buffer, control.byteOffset + HEADER.secret * 4, SECRET_BYTES);
  }

  /** Start value of this segment's hashes, so that nobody outside can aim at one window of slots. */
  get seed(): number {
    return this.control[HEADER.seed]!;
  }

  slabOf(unit: number): Slab {
    return this.slabs[unit >>> VIEW_SHIFT]!;
  }

  wordsOf(unit: number): Int32Array {
    return this.words[unit >>> VIEW_SHIFT]!;
  }

  /** Index of the unit's first byte in `slabOf(unit)`. */
  byteOf(unit: number): number {
    return (unit & VIEW_MASK) << 6;
  }

  /** Index of the unit's first word in `wordsOf(unit)`. */
  wordOf(unit: number): number {
    return (unit & VIEW_MASK) << 4;
  }

  #writeHeader(): void {
    const { control, layout } = this;
    randomFillSync(this.secret);
    control[HEADER.seed] = randomBytes(4).readInt32LE();
    control[HEADER.processes] = layout.processes;
    control[HEADER.counters] = layout.counters;
    control[HEADER.gauges] = layout.gauges;
    control[HEADER.healthTargets] = layout.healthTargets;
    control[HEADER.slots] = layout.slots;
    control[HEADER.spans] = layout.spans;
    Atomics.store(control, HEADER.epoch, 1);
    Atomics.store(control, HEADER.magic, MAGIC);
  }
}

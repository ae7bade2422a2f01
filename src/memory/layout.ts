/**
 * Where things lie in a segment. Computed alike by every process from the options, which the header carries, so that a
 * data process needs nothing but the descriptor. Offsets of memory in the arena are counted in units of 64 bytes.
 */

/** Bytes in one unit of an arena offset. */
export const UNIT = 64;
/** The arena is cut into spans of one size class each. 2 GiB is a multiple, so that no span lies across two views. */
export const SPAN_BYTES = 1 << 19;
/** Words of a slot: 0 offset (published), 1 hash (a hint), 2 visited, 3 the owner's own. */
export const SLOT_WORDS = 4;
/** Pins per process: objects whose bytes are being sent in parts. When they are used up, the rest is copied. */
export const PINS = 64;
/** Chunks of the arena that one process may hold for filling. */
export const LEASES = 1024;
/** Messages in a ring; twice the leases, so that what a process can owe the writer always fits beside its requests. */
export const RING_MESSAGES = 2048;
export const MESSAGE_WORDS = 4;

export const MAGIC = 0x46_57_53_31;
const HEADER_BYTES = 4096;
/** Words of the header. The global epoch has a cache line of its own. */
export const HEADER = {
  magic: 0,
  seed: 1,
  processes: 2,
  counters: 3,
  gauges: 4,
  healthTargets: 5,
  slots: 6,
  spans: 7,
  epoch: 16,
  secret: 64,
} as const;
export const SECRET_BYTES = 80;
/** Words of a row. */
export const ROW = { epoch: 0, entered: 1, pins: 16 } as const;
/** Words of a ring's own head: both ends on cache lines of their own. */
export const RING = { written: 0, read: 16, messages: 32 } as const;
const RING_BYTES = (RING.messages + RING_MESSAGES * MESSAGE_WORDS) * 4;

export interface SegmentOptions {
  /** Rows: the main's (0) and one per data process. */
  readonly processes: number;
  /** Float64 slots per row that only grow. */
  readonly counters: number;
  /** Float64 slots per row that go up and down and end with their process. */
  readonly gauges: number;
  /** Targets with a health word. */
  readonly healthTargets: number;
  /** Publication slots, a power of two, or 0. */
  readonly slots: number;
  /** Memory for published objects, a multiple of SPAN_BYTES, or 0: then there are no rings and leases either. */
  readonly arenaBytes: number;
}

/** Byte offsets from the segment's start. Everything before the arena lies in the first view. */
export interface Layout extends SegmentOptions {
  readonly rows: number;
  readonly rowBytes: number;
  readonly health: number;
  readonly slotTable: number;
  /** A word per span: its size class and how much of it was ever handed out; for `rebuild`. */
  readonly spanTable: number;
  readonly spans: number;
  /** Per process: the ring to the writer, the ring from it, and its lease words. */
  readonly rings: number;
  readonly ringBytes: number;
  readonly arena: number;
  readonly byteLength: number;
}

const align = (n: number, to: number): number => Math.ceil(n / to) * to;

export function layoutOf(options: SegmentOptions): Layout {
  const { processes, slots, arenaBytes } = options;
  if (slots !== 0 && (slots & (slots - 1)) !== 0)
    throw new Error(`Cannot lay out a segment: ${slots} slots is not a power of two`);
  if (arenaBytes % SPAN_BYTES !== 0)
    throw new Error(`Cannot lay out a segment: the arena is not a multiple of ${SPAN_BYTES} bytes`);
  const spans = arenaBytes / SPAN_BYTES;
  const rows = HEADER_BYTES;
  const rowBytes = align((ROW.pins + PINS) * 4 + (options.counters + options.gauges) * 8, 128);
  const health = align(rows + rowBytes * processes, 4096);
  const slotTable = align(health + options.healthTargets * 4, 4096);
  const spanTable = align(slotTable + slots * SLOT_WORDS * 4, 4096);
  const rings = align(spanTable + spans * 4, 4096);
  const ringBytes = spans === 0 ? 0 : align(RING_BYTES * 2 + LEASES * 4, 128);
  const control = align(rings + ringBytes * processes, 4096);
  if (control > 2 ** 30) throw new Error(`Cannot lay out a segment: its tables would take ${control} bytes`);
  const arena = spans === 0 ? control : align(control, SPAN_BYTES);
  return {
    ...options,
    rows,
    rowBytes,
    health,
    slotTable,
    spanTable,
    spans,
    rings,
    ringBytes,
    arena,
    byteLength: arena + arenaBytes,
  };
}

/** Word offsets of one process's rings and lease words. */
export function ringsOf(layout: Layout, row: number): { toWriter: number; fromWriter: number; leases: number } {
  const start = (layout.rings + row * layout.ringBytes) >> 2;
  return { toWriter: start, fromWriter: start + (RING_BYTES >> 2), leases: start + ((RING_BYTES * 2) >> 2) };
}

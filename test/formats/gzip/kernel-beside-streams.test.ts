import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, crc32, deflateRawSync, type ZlibOptions } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { openFileBytes } from '../../../src/formats/file-bytes.js';
import { KernelUnpacker } from '../../../src/formats/gzip/kernel-unpacker.js';
import { StreamUnpacker } from '../../../src/formats/gzip/stream-unpacker.js';
import type { PackedFile } from '../../../src/formats/gzip/unpacker.js';
import { temporaryDirectory } from '../../stages/sinks/sink-rows.js';
import { byKernels } from '../../support/both-ways.js';

interface Text {
  readonly kind: 'noise' | 'lines' | 'runs' | 'far';
  readonly length: number;
  readonly seed: number;
}

const texts = (lengthMax: number): fc.Arbitrary<Text> =>
  fc.record({
    kind: fc.constantFrom('noise', 'lines', 'runs', 'far'),
    length: fc.nat(lengthMax),
    seed: fc.nat(1_000_000),
  });

/** Text with few matches, with near ones, with some that overlap, and with some from as far back as can be. */
function textOf({ kind, length, seed }: Text): Buffer {
  const random = new Random(seed);
  const below = (limit: number) => (random.nextInt32() >>> 0) % limit;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    if (kind === 'lines')
      at += bytes.write(`${1_704_153_600_000 + at},S${below(9)},${below(9_999) / 100}\n`, at);
    else if (kind === 'noise' || at < 400) bytes[at++] = below(256);
    else {
      const distance = kind === 'runs' ? 1 + below(20) : Math.min(at, 32_768 - below(300));
      for (let left = 3 + below(400); left > 0 && at < length; left--, at++)
        bytes[at] = bytes[at - distance]!;
    }
  }
  return bytes;
}

const packing: fc.Arbitrary<ZlibOptions> = fc.record({
  level: fc.integer({ min: 0, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  windowBits: fc.integer({ min: 9, max: 15 }),
  strategy: fc.constantFrom(
    constants.Z_DEFAULT_STRATEGY,
    constants.Z_HUFFMAN_ONLY,
    constants.Z_RLE,
    constants.Z_FIXED,
  ),
});

interface Header {
  readonly extra?: Uint8Array | undefined;
  readonly name?: string | undefined;
  readonly comment?: string | undefined;
}

const headers: fc.Arbitrary<Header> = fc.record({
  extra: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: undefined }),
  name: fc.option(fc.constantFrom('', 'ticks.csv'), { nil: undefined }),
  comment: fc.option(fc.constantFrom('', 'of a venue'), { nil: undefined }),
});

function memberOf(text: Buffer, options: ZlibOptions, { extra, name, comment }: Header = {}): Buffer {
  const flags = (extra ? 4 : 0) + (name === undefined ? 0 : 8) + (comment === undefined ? 0 : 16);
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc32(text), 0);
  trailer.writeUInt32LE(text.length, 4);
  return Buffer.concat([
    Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255),
    ...(extra ? [Uint8Array.of(extra.length & 255, extra.length >> 8), extra] : []),
    ...[name, comment].map((value) => (value === undefined ? Buffer.alloc(0) : Buffer.from(`${value}\0`))),
    deflateRawSync(text, options),
    trailer,
  ]);
}

/** Reads a file to its end, or to an error, after some seeks. */
async function readOf(path: string, chunkBytes: number, seeks: readonly number[] = []) {
  const bytes = await openFileBytes(path, { chunkBytes });
  const pieces: Buffer[] = [];
  let error: string | undefined;
  try {
    for (const offset of seeks) {
      await bytes.next();
      await bytes.seek(offset);
    }
    for (let chunk = await bytes.next(); chunk; chunk = await bytes.next()) pieces.push(Buffer.from(chunk));
    expect(await bytes.next()).toBeNull();
  } catch (thrown) {
    error = String(thrown);
  } finally {
    await bytes.close();
  }
  return { text: Buffer.concat(pieces), error };
}

const file = (packed: Uint8Array): string => {
  const path = join(temporaryDirectory(), 'a.gz');
  writeFileSync(path, packed);
  return path;
};

const chunkSizes = fc.constantFrom(64, 1_000, 8_192, 100_000, 262_144);

describe('a gzip file that is unpacked by the kernel', () => {
  it('has the bytes that were packed, whatever packed them, without the streams', async () => {
    const byStream = vi.spyOn(StreamUnpacker.prototype, 'next');
    const members = fc.array(fc.tuple(texts(90_000), packing, headers), { minLength: 1, maxLength: 3 });
    const check = async (
      list: readonly [Text, ZlibOptions, Header][],
      zeros: number,
      chunkBytes: number,
      seeks: readonly number[],
    ) => {
      const plain = list.map(([text]) => textOf(text));
      const whole = Buffer.concat(plain);
      const packed = list.map(([, options, header], i) => memberOf(plain[i]!, options, header));
      const path = file(Buffer.concat([...packed, Buffer.alloc(zeros)]));
      const places = seeks.map((seek) => seek % (whole.length + 1));
      const read = await byKernels(true, () => readOf(path, chunkBytes, places));
      expect(read.error).toBeUndefined();
      expect(read.text.equals(whole.subarray(places.at(-1) ?? 0))).toBe(true);
    };
    try {
      await fc.assert(
        fc.asyncProperty(
          members,
          fc.constantFrom(0, 0, 1, 700),
          chunkSizes,
          fc.array(fc.nat(), { maxLength: 2 }),
          check,
        ),
        { numRuns: 150, seed: 59 },
      );
      // More than the kernel holds at once, packed and unpacked.
      const long = { kind: 'noise', length: 700_000, seed: 1 } as const;
      await check(
        [
          [long, {}, {}],
          [{ ...long, kind: 'far' }, {}, { name: 'b' }],
        ],
        0,
        262_144,
        [],
      );
      await check([[{ ...long, kind: 'lines' }, { level: 0 }, {}]], 0, 262_144, [500_000]);
      expect(byStream).not.toHaveBeenCalled();
    } finally {
      vi.restoreAllMocks();
    }
  });

  const checkBad = async (packed: Buffer, chunkBytes: number) => {
    const path = file(packed);
    const [by, without] = [
      await byKernels(true, () => readOf(path, chunkBytes)),
      await byKernels(false, () => readOf(path, chunkBytes)),
    ];
    expect(by.error).toBe(without.error);
    // The streams keep to themselves what they unpacked just before an error.
    expect(by.text.subarray(0, without.text.length).equals(without.text)).toBe(true);
    if (by.error === undefined) expect(by.text.length).toBe(without.text.length);
    return by;
  };

  it('fails as by the streams where it is cut, at each byte', async () => {
    const text = textOf({ kind: 'lines', length: 600, seed: 3 });
    const first = memberOf(text, {}, { name: 'a' });
    const packed = Buffer.concat([first, memberOf(text, { strategy: constants.Z_FIXED })]);
    for (let length = 2; length < packed.length; length++) {
      const { text: found, error } = await checkBad(packed.subarray(0, length), 262_144);
      expect(Buffer.concat([text, text]).subarray(0, found.length).equals(found)).toBe(true);
      expect(error === undefined).toBe(length === first.length);
    }
  });

  it('fails as by the streams where bytes of it are others', async () => {
    await fc.assert(
      fc.asyncProperty(
        texts(6_000),
        packing,
        headers,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 3 }),
        fc.uint8Array({ maxLength: 20 }),
        chunkSizes,
        async (text, options, header, changes, after, chunkBytes) => {
          const packed = Buffer.concat([memberOf(textOf(text), options, header), after]);
          for (const [at, value] of changes) packed[2 + (at % (packed.length - 2))] = value;
          await checkBad(packed, chunkBytes);
        },
      ),
      { numRuns: 400, seed: 61 },
    );
  });

  it('ends the reading where the streams do not unpack the same bytes before what the kernel does not understand', async () => {
    const text = textOf({ kind: 'lines', length: 50_000, seed: 5 });
    const packed = memberOf(text, {});
    packed[packed.length - 8]! ^= 1; // of the checksum
    const path = file(packed);
    const unpacked = vi.spyOn(KernelUnpacker.prototype, 'unpacked', 'get');
    const ends = async (count: number, checksum: number) => {
      unpacked.mockReturnValue({ count, checksum });
      return (await byKernels(true, () => readOf(path, 8_192))).error;
    };
    try {
      for (const count of [1, 8_192, 30_000]) {
        const checksum = crc32(text.subarray(0, count));
        expect(await ends(count, checksum)).toContain('incorrect data check');
        expect(await ends(count, checksum ^ 1)).toContain('expected the bytes that were unpacked before');
      }
    } finally {
      vi.restoreAllMocks();
    }
  });

  it('has a kernel of its own, though another file was closed while it was unpacked', async () => {
    const [text, other] = [1, 2].map((seed) => textOf({ kind: 'lines', length: 400_000, seed }));
    const readable = (packed: Buffer): PackedFile => ({
      path: 'a.gz',
      read: async (buffer, at) => packed.copy(buffer, 0, at),
    });
    await byKernels(true, async () => {
      const closed = KernelUnpacker.of(readable(memberOf(other!, {})), 8_192)!;
      const unpacking = closed.next();
      closed.close();
      const pieces: Buffer[] = [];
      const unpacker = KernelUnpacker.of(readable(memberOf(text!, {})), 8_192)!;
      for (let chunk = await unpacker.next(); chunk; chunk = await unpacker.next())
        pieces.push(Buffer.from(chunk));
      unpacker.close();
      await unpacking;
      expect(Buffer.concat(pieces).equals(text!)).toBe(true);
    });
  });

  it('is unpacked by the streams while many others are by kernels', async () => {
    const open = () => KernelUnpacker.of({ path: 'a.gz', read: async () => 0 }, 64);
    await byKernels(true, async () => {
      const opened: KernelUnpacker[] = [];
      for (let next = open(); next; next = open()) opened.push(next);
      expect(opened.length).toBe(64);
      for (const unpacker of opened) unpacker.close();
      const again = open();
      expect(again).toBeDefined();
      again?.close();
    });
  });

  it('is read by the streams where its header has a checksum, or is longer than can be held', async () => {
    const text = textOf({ kind: 'lines', length: 5_000, seed: 4 });
    const packed = memberOf(text, {});
    packed[3] = 2;
    const start = packed.subarray(0, 10);
    const checked = Buffer.concat([start, Buffer.alloc(2), packed.subarray(10)]);
    checked.writeUInt16LE(crc32(start) & 0xffff, 10);
    const named = memberOf(text, {}, { name: 'n'.repeat(200_000) });
    for (const bytes of [checked, named, Buffer.concat([memberOf(text, {}), named])]) {
      const found = await checkBad(bytes, 8_192);
      expect(found.error).toBeUndefined();
      expect(found.text.subarray(-5_000).equals(text)).toBe(true);
    }
  });
});

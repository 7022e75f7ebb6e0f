import { describe, expect, it } from 'vitest';
import { FrameReader, frame } from '../../src/wire/frames.js';

const read = (reader: FrameReader, ...chunks: Buffer[]) => chunks.flatMap((chunk) => [...reader.read(chunk)]);

describe('frames in a pipe', () => {
  it('come out whole, wherever the bytes were parted', () => {
    const messages = [{ a: 1n }, 'x'.repeat(100), { list: [1, undefined] }];
    const bytes = Buffer.concat(messages.map(frame));
    for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
      const reader = new FrameReader();
      const found = [];
      for (let at = 0; at < bytes.length; at += size)
        found.push(...read(reader, bytes.subarray(at, at + size)));
      expect(found).toEqual(messages);
    }
  });

  it('are refused if they are longer than any message, before they are read', () => {
    const bytes = Buffer.alloc(4);
    bytes.writeUint32LE(1 << 30, 0);
    expect(() => read(new FrameReader(), bytes)).toThrow(/found one of 1073741824 bytes/);
  });

  it('are refused above what the reader takes', () => {
    const bytes = Buffer.alloc(4);
    bytes.writeUint32LE(101, 0);
    expect(() => read(new FrameReader(100), bytes)).toThrow(/one of 101 bytes, above the 100 that/);
  });

  it('are refused if the bytes are no message', () => {
    expect(() => read(new FrameReader(), Buffer.from([3, 0, 0, 0, 1, 2, 3]))).toThrow(
      /found bytes that are none/,
    );
  });
});

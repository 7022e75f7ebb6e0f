import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, FrameReader } from '../../src/store/log-frames.js';

const TEXTS = ['[1]', '["zwei"]', '[{"drei":"\\n\u00fc"}]'];
const WHOLE = Buffer.concat(TEXTS.map(encodeFrame));
const LAST_AT = WHOLE.length - encodeFrame(TEXTS[2]!).length;

function read(bytes: Buffer, chunkBytes = bytes.length) {
  const texts: string[] = [];
  const reader = new FrameReader(0, (json) => texts.push(json));
  for (let at = 0; at < bytes.length && reader.damagedAt === undefined; at += chunkBytes) {
    reader.push(bytes.subarray(at, at + chunkBytes));
  }
  const tornBytes = reader.finish();
  return { texts, tornBytes, end: reader.end, damagedAt: reader.damagedAt };
}

describe('a log of frames', () => {
  it('is read in chunks of any size', () => {
    for (let chunk = 1; chunk <= WHOLE.length; chunk++) {
      expect(read(WHOLE, chunk)).toEqual({
        texts: TEXTS,
        tornBytes: 0,
        end: WHOLE.length,
        damagedAt: undefined,
      });
    }
  });

  it('has a torn end wherever its last write was cut, and nothing else', () => {
    for (let bytes = LAST_AT + 1; bytes < WHOLE.length; bytes++) {
      for (const chunk of [1, 7, WHOLE.length]) {
        expect(read(WHOLE.subarray(0, bytes), chunk)).toEqual({
          texts: TEXTS.slice(0, 2),
          tornBytes: bytes - LAST_AT,
          end: LAST_AT,
          damagedAt: undefined,
        });
      }
    }
  });

  it('is damaged where a byte in front of its last write is another, whichever it is', () => {
    for (let at = 0; at < LAST_AT; at++) {
      for (const mask of [1, 0x40, 0xff]) {
        const bytes = Buffer.from(WHOLE);
        bytes[at]! ^= mask;
        const { damagedAt, texts } = read(bytes, 5);
        expect(damagedAt, `byte ${at}`).toBeDefined();
        expect(damagedAt).toBeLessThanOrEqual(at);
        expect(TEXTS.slice(0, texts.length)).toEqual(texts);
      }
    }
  });

  it('has a torn end where the beginning of its last write is missing and the rest is there', () => {
    for (let zeros = 1; zeros < WHOLE.length - LAST_AT; zeros++) {
      const bytes = Buffer.from(WHOLE);
      bytes.fill(0, LAST_AT, LAST_AT + zeros);
      expect(read(bytes)).toMatchObject({ end: LAST_AT, tornBytes: bytes.length - LAST_AT });
    }
  });

  it('is damaged where a line feed was lost between its last two writes', () => {
    const bytes = Buffer.from(WHOLE);
    bytes[LAST_AT - 1] = 0;
    expect(read(bytes).damagedAt).toBeDefined();
  });

  it('takes no frame of zeros, and none whose length is another', () => {
    expect(decodeFrame(Buffer.alloc(64))).toBeUndefined();
    expect(decodeFrame(Buffer.alloc(0))).toBeUndefined();
    const line = encodeFrame('[1]').subarray(0, -1);
    expect(decodeFrame(line)).toBe('[1]');
    expect(decodeFrame(Buffer.concat([line, Buffer.from(' ')]))).toBeUndefined();
  });
});

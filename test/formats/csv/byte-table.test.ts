import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteTable } from '../../../src/formats/csv/byte-table.js';

/** Few different bytes, zeros among them, and lengths around four, eight and the largest. */
const text = fc
  .oneof(fc.nat({ max: 10 }), fc.integer({ min: 60, max: 66 }))
  .chain((length) => fc.array(fc.constantFrom(0, 1, 65, 66, 255), { minLength: length, maxLength: length }));

describe('a table of texts', () => {
  it('finds each text of up to 64 bytes that was added, and no other', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 300 }), fc.array(text), (added, asked) => {
        const table = new ByteTable();
        const values = new Map<string, number>();
        for (const bytes of [...added, ...asked, ...added]) {
          // Somewhere within other bytes, which must not count.
          const around = Uint8Array.from([65, 65, ...bytes, 65, 65, 65]);
          const key = bytes.join();
          const found = table.find(around, 2, 2 + bytes.length);
          expect(found).toBe(bytes.length > 64 ? -1 : (values.get(key) ?? -1));
          if (found >= 0 || asked.includes(bytes)) continue;
          table.add(around, 2, 2 + bytes.length, values.size);
          if (bytes.length <= 64) values.set(key, values.size);
        }
      }),
    );
  });

  it('holds a hundred thousand symbols', () => {
    const table = new ByteTable();
    const symbols = Array.from({ length: 100_000 }, (_, i) =>
      Buffer.from(`SYM${i}USDT-PERP`.slice(0, 6 + (i % 9))),
    );
    const values = new Map<string, number>();
    for (const symbol of symbols) {
      const key = symbol.toString();
      if (values.has(key)) continue;
      table.add(symbol, 0, symbol.length, values.size);
      values.set(key, values.size);
    }
    for (const symbol of symbols) {
      expect(table.find(symbol, 0, symbol.length)).toBe(values.get(symbol.toString()));
    }
  });
});

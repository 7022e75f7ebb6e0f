import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyOverride, OverrideError, parseOverride } from '../../src/cli/overrides.js';
import { parseDocuments } from '../../src/documents/document-file.js';
import { bounded, FUZZ_MS_MAX, fuzz } from './bounded.js';
import { hostileText } from './hostile-values.js';

const MIB = 1_048_576;

describe('any text up to a megabyte', () => {
  it(
    'is read as documents or refused at once, with a few short problems',
    async () => {
      await fuzz(hostileText(MIB), 60, (text) =>
        bounded(() => {
          const documents = parseDocuments('f.yaml', text, 'spec');
          expect(documents.length).toBeLessThanOrEqual(500);
          for (const document of documents.slice(0, 10)) {
            const { problems, value } = document;
            expect(problems.length).toBeLessThanOrEqual(5);
            for (const { message } of problems) expect(message.length).toBeLessThan(500);
            if (problems.length === 0) expect(value).toBeTypeOf('object');
            expect(document.locate(['source', 'a', 0]).line).toBeGreaterThan(0);
          }
        }),
      );
    },
    FUZZ_MS_MAX,
  );

  it.each([
    ['a: "', '\\q'],
    ['a: |\n ', '- a\n'],
    ['a: |\n ', '\u0001\n'],
    ['a: "', '- ""\n'],
    ['', '"'],
    ['', '\ta: 1\n'],
    ['', '\n'],
  ])('is refused at once where it is all mistakes: %j, then %j', async (start, mistake) => {
    for (const size of [MIB / 5, MIB]) {
      const text = start + mistake.repeat(size / mistake.length - 10);
      await bounded(() => {
        expect(parseDocuments('f.yaml', text, 'spec')[0]!.problems.length).toBeGreaterThan(0);
      });
    }
  });

  it(
    'is a value of --set or refused at once',
    async () => {
      const data = () => ({
        name: 'a',
        source: { use: 'synthetic' },
        operators: [{ use: 'bars', every: '1m' }],
      });
      const path = fc.oneof(
        fc.constantFrom('name', 'source.rows', 'operators[0].every'),
        hostileText(MIB / 2),
      );
      await fuzz(fc.tuple(path, hostileText(MIB / 2)), 60, ([at, value]) =>
        bounded(() => {
          try {
            applyOverride(data(), parseOverride(`${at}=${value}`));
          } catch (error) {
            if (!(error instanceof OverrideError)) throw error;
            expect(error.message.length).toBeLessThan(1_000);
          }
        }),
      );
    },
    FUZZ_MS_MAX,
  );
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { specLevels } from '../../src/cli/connected-specs.js';
import { loadSettings } from '../../src/cli/load-settings.js';
import { loadSpecs } from '../../src/cli/load-specs.js';

const topic = (name: string, more = '') => `{ use: topic, topic: ${name}${more} }`;
const SYNTHETIC = '{ use: synthetic, rows: 5 }';
const NULL = '{ use: "null" }';

async function load(specs: Readonly<Record<string, readonly [source: string, sink: string]>>) {
  const folder = await mkdtemp(join(tmpdir(), 'tickloom-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const files = await Promise.all(
    Object.entries(specs).map(async ([name, [source, sink]]) => {
      const file = join(folder, `${name}.yaml`);
      await writeFile(file, `name: ${name}\nsource: ${source}\nsink: ${sink}\n`);
      return file;
    }),
  );
  const checked = await loadSpecs(files, [], await loadSettings(undefined, {}));
  const problems = checked.flatMap((one) => ('problems' in one ? one.problems : []));
  const resolved = checked.flatMap((one) => ('resolved' in one ? [one.resolved] : []));
  return { problems, resolved };
}

describe('specs of one command', () => {
  it('find the columns of topics in one another, in whatever order they are given', async () => {
    const { problems, resolved } = await load({
      last: [topic('second'), NULL],
      middle: [topic('first'), topic('second')],
      first: [SYNTHETIC, topic('first')],
      apart: [SYNTHETIC, NULL],
    });
    expect(problems).toEqual([]);
    const levels = specLevels(resolved).map((level) => level.map(({ name }) => name));
    expect(levels).toEqual([['first', 'apart'], ['middle'], ['last']]);
  });

  it('that form a circle are in one level', async () => {
    const columns = ', columns: [{ name: time, type: timestamp }]';
    const { problems, resolved } = await load({
      one: [topic('a', columns), topic('b')],
      two: [topic('b'), topic('a')],
    });
    expect(problems).toEqual([]);
    expect(specLevels(resolved)).toHaveLength(1);
  });

  it('are refused if two produce one topic, or one expects other columns than another makes', async () => {
    const { problems } = await load({
      reader: [topic('ticks', ', columns: [{ name: time, type: timestamp }]'), NULL],
      maker: [SYNTHETIC, topic('ticks')],
      another: [SYNTHETIC, topic('ticks')],
      lost: [topic('nowhere'), NULL],
    });
    expect(problems).toEqual([
      expect.stringMatching(
        /reader\.yaml:2:.* source\.columns: topic "ticks" .* other columns: expected rows of kind/,
      ),
      expect.stringMatching(
        /another\.yaml:3:.* sink\.topic: expected another topic than "ticks".*spec "maker"/,
      ),
      expect.stringMatching(
        /lost\.yaml:2:.* source\.topic: no pipeline is known that produces topic "nowhere"/,
      ),
    ]);
  });
});

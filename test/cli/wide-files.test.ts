import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { show } from '../../src/cli/commands/show.js';
import type { Terminal } from '../../src/cli/terminal.js';
import { temporaryDirectory } from '../stages/sinks/sink-rows.js';

it('shows the first columns of a file that has a hundred thousand, and counts the others', async () => {
  const path = join(temporaryDirectory(), 'wide.csv');
  const fields = Array.from({ length: 100_000 }, (_, i) => `c${i}`).join(',');
  writeFileSync(path, `${fields}\n${fields}\n`);
  let printed = '';
  const print = async (text: string) => {
    printed += text;
  };
  const terminal = { print, say: () => {} } as unknown as Terminal; // it asks for nothing else
  expect(await show([path], { rows: 1 }, terminal)).toBe(0);
  expect(printed.length).toBeLessThan(20_000);
  expect(printed).toContain('… and 99,800 more columns\n');
});

import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFileBytes } from '../../src/formats/file-bytes.js';
import { listFiles } from '../../src/stages/sources/replay/file-list.js';
import { specialFiles } from '../support/special-files.js';

describe('an input that is no file', () => {
  it('is refused at once with what it is: nobody waits for one who writes to a pipe', async () => {
    const { pipe, socket, device } = await specialFiles();
    for (const [path, found] of [
      [pipe, 'found a pipe. A pipe can be read only once'],
      [device, 'found a device'],
      ['.', 'found a directory'],
    ] as const) {
      const refused = { code: 'INPUT_UNREADABLE', message: expect.stringContaining(found) };
      await expect(listFiles([path])).rejects.toMatchObject(refused);
      await expect(openFileBytes(path)).rejects.toMatchObject(refused);
    }
    await expect(listFiles([socket])).rejects.toThrow('found a socket');
    await expect(openFileBytes(socket)).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  });

  it('is refused when a glob leads to it by a link', async () => {
    const { folder, pipe } = await specialFiles('pipe');
    symlinkSync(pipe, join(folder, 'link.csv'));
    const files = await listFiles([`${folder}/*.csv`]);
    for (const file of files) await expect(openFileBytes(file)).rejects.toThrow('found a pipe');
  });
});

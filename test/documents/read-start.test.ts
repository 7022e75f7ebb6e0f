import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readDocumentFile } from '../../src/documents/document-file.js';
import { readStart } from '../../src/documents/read-start.js';
import { specialFiles } from '../support/special-files.js';

describe('the start of a file', () => {
  it('is read from a pipe once somebody writes to it, and to its end', async () => {
    const { pipe } = await specialFiles('spec.yaml');
    const reading = readDocumentFile(pipe, 'spec');
    const writer = createWriteStream(pipe);
    writer.write('name: a\n');
    writer.end('maxMemoryMb: 64\n');
    expect((await reading)[0]).toMatchObject({ value: { name: 'a', maxMemoryMb: 64 }, problems: [] });
  });

  it('is all that is read of a pipe that never ends', async () => {
    const { pipe } = await specialFiles('spec.yaml');
    const reading = readStart(pipe, 100_000);
    const writer = createWriteStream(pipe);
    writer.on('error', () => {}); // its reader goes away
    const refill = () => writer.write(Buffer.alloc(65_536, 'a'));
    writer.on('drain', refill);
    refill();
    expect(await reading).toHaveLength(100_000);
    writer.destroy();
  });

  it('holds up nobody while a pipe has no writer', async () => {
    const { pipe } = await specialFiles('spec.yaml');
    const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'spec.yaml');
    writeFileSync(file, 'name: b\n');
    const reading = Array.from({ length: 8 }, () => readStart(pipe, 100)); // Node has four threads for files
    expect((await readStart(file, 100)).toString()).toBe('name: b\n');
    createWriteStream(pipe).end();
    expect(await Promise.all(reading)).toHaveLength(8);
  });

  it('is refused of a socket and a device', async () => {
    const { socket, device } = await specialFiles();
    await expect(readStart(socket, 100)).rejects.toThrow('found a socket');
    await expect(readStart(device, 100)).rejects.toThrow('found a device');
    expect((await readDocumentFile(socket, 'spec'))[0]!.problems[0]!.message).toContain('found a socket');
  });
});

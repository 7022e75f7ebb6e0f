import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { endOrphans, leftRunning, markOf } from '../../../src/hosts/processes/orphans.js';

function startFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tickloom-orphans-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A process that looks like one of a pipeline, with this mark. */
async function startMarked(mark: string): Promise<ChildProcess & { readonly pid: number }> {
  const code = 'console.log(1); setInterval(() => {}, 1e6)';
  const words = ['-e', code, '--', 'pipeline.process.cjs', mark];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  return child as ChildProcess & { readonly pid: number };
}

/** The mark of a runtime that has gone: its process began at another time. */
function orphaned(
  folder: string,
  { supervisor = process.pid, startedAt = '1', namespace = '' } = {},
): string {
  const [name, whose, , , own] = markOf(folder).split('-');
  return [name, whose, supervisor, startedAt, namespace || own].join('-');
}

describe('the processes that a runtime has left behind', () => {
  it('are ended by the next one with the folder, by whatever way it comes to it', async () => {
    const folder = startFolder();
    const way = join(startFolder(), 'way');
    symlinkSync(folder, way);
    const { pid } = await startMarked(orphaned(folder));
    expect(await endOrphans(way)).toEqual({ ended: [pid], left: [] });
  });

  it('are found if the folder was made after they were started', async () => {
    const folder = join(startFolder(), 'later');
    const { pid } = await startMarked(orphaned(folder));
    mkdirSync(folder);
    expect(await endOrphans(folder)).toEqual({ ended: [pid], left: [] });
  });

  it.each([
    ['has its runtime', (folder: string) => markOf(folder)],
    ['is of another folder', () => orphaned(startFolder())],
    [
      'is of another namespace of process ids',
      (folder: string) => orphaned(folder, { namespace: '0'.repeat(16) }),
    ],
    ['does not say when its runtime began', (folder: string) => orphaned(folder, { startedAt: '' })],
  ])('have none among them that %s', async (_, mark) => {
    const folder = startFolder();
    const child = await startMarked(mark(folder));
    expect(await endOrphans(folder)).toEqual({ ended: [], left: [] });
    expect(child.exitCode ?? child.signalCode).toBeNull();
  });

  it('are named apart while they are not gone', async () => {
    const folder = startFolder();
    const { pid } = await startMarked(orphaned(folder));
    const options = { goneWithinMs: 0, kill: () => {} };
    expect(await endOrphans(folder, options)).toEqual({ ended: [], left: [pid] });
  });

  it('keep a runtime from starting if they cannot be ended, with their ids', () => {
    const { code, message, retryable } = leftRunning([41, 42], 'store');
    expect({ code, retryable }).toEqual({ code: 'PROCESS_LEFT_RUNNING', retryable: true });
    expect(message).toMatch(/with store .*found processes 41, 42 still there/);
  });
});

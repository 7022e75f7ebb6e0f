import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { nodeFileSystem } from '../../src/outputs/disk/file-system.js';
import { inspectOutput } from '../../src/outputs/inspect/inspect-output.js';
import { planRelease, release } from '../../src/outputs/inspect/release-runs.js';
import { livenessOf, type RunOwner, thisOwner } from '../../src/outputs/runs/run-owner.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { disguiseRuns, read, runWhole, startRun } from '../support/file-runs.js';

const here = thisOwner();
const livenessFrom = (owner: Partial<RunOwner>) => livenessOf({ ...here, ...owner }, here, nodeFileSystem);

describe.runIf(existsSync('/proc/thread-self'))('the owner of a run', () => {
  it('is live as long as its thread is, and not by its process id alone', async () => {
    expect(await livenessFrom({})).toBe('live');
    expect(await livenessFrom({ startedAt: '1' })).toBe('gone');
    expect(await livenessFrom({ thread: 4_194_400 })).toBe('gone');
    expect(await livenessFrom({ pid: 4_194_400 })).toBe('gone');
    expect(await livenessFrom({ boot: 'earlier' })).toBe('gone');
    expect(await livenessFrom({ host: 'another' })).toBe('elsewhere');
    expect(await livenessFrom({ processes: 'pid:[1]' })).toBe('elsewhere');
  });

  it('is not taken for live where the system says no more than that there is a process of its id', async () => {
    const unknown = { boot: '', processes: '', thread: 0, startedAt: '' };
    const there = { ...here, ...unknown };
    expect(await livenessOf(there, there, nodeFileSystem)).toBe('uncertain');
    expect(await livenessOf({ ...there, pid: 4_194_400 }, there, nodeFileSystem)).toBe('gone');
    const hidden = { readFile: () => Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES' })) };
    expect(await livenessOf(here, here, { ...nodeFileSystem, ...hidden })).toBe('uncertain');
  });

  it('is gone once its process is, though nobody has asked for its exit code', async () => {
    // By the time the child ends, the shell has become a program that never asks for it.
    const shell = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => {
      shell.kill('SIGKILL');
    });
    const told = await new Promise<Buffer>((resolve) => shell.stdout.once('data', resolve));
    const pid = Number(told.toString());
    const fields = () => {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    };
    await vi.waitFor(() => expect(fields()[0]).toBe('Z'), { timeout: 60_000, interval: 20 });
    expect(await livenessFrom({ pid, thread: pid, startedAt: fields()[19]! })).toBe('gone');
  });

  it('is a thread, not the process around it', async () => {
    const worker = new Worker(
      `const { readlinkSync, readFileSync } = require('node:fs');
       const thread = readlinkSync('/proc/thread-self').split('/').at(-1);
       const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'latin1');
       require('node:worker_threads').parentPort.postMessage([Number(thread), stat]);
       setInterval(() => {}, 1000);`,
      { eval: true },
    );
    const [thread, stat] = await new Promise<[number, string]>((resolve) => worker.once('message', resolve));
    const owner = { thread, startedAt: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]! };
    expect(await livenessFrom(owner)).toBe('live');
    await worker.terminate();
    expect(await livenessFrom(owner)).toBe('gone');
  });

  it('needs a person to say that it is over when it cannot be seen from here', async () => {
    const path = join(temporaryDirectory(), 'out');
    const far = await startRun(path);
    disguiseRuns(path, { host: 'far-away' });
    await expect(startRun(path, { ifExists: 'replace' })).rejects.toMatchObject({
      code: 'OUTPUT_IN_USE',
      message: expect.stringMatching(
        /make sure that it is over, then free the output with: tickloom release "[^"]+\/out" \(its entry is "[^"]+\/runs\/\d+"\)$/,
      ),
    });
    await far.close();
  });

  it('needs a person to say that it is over where a process of its id may be another one', async () => {
    const path = join(temporaryDirectory(), 'out');
    const dead = await startRun(path);
    await dead.write(ticks(2));
    disguiseRuns(path, { thread: 0 }); // as entries are where there is no /proc
    await expect(startRun(path, { ifExists: 'replace' })).rejects.toMatchObject({
      code: 'OUTPUT_IN_USE',
      message: expect.stringMatching(
        /may have died: this system does not say when .* tickloom release "[^"]+\/out"/,
      ),
    });
    const view = await inspectOutput(path);
    await release(view, planRelease(view));
    await runWhole(path, ticks(3), { ifExists: 'replace' });
    expect(read(path)).toEqual([0, 1, 2]);
    await expect(dead.flush()).rejects.toMatchObject({ code: 'FENCED' });
    await dead.close();
  });

  it('does not keep others from appending beside it, wherever it is', async () => {
    const path = join(temporaryDirectory(), 'out');
    const far = await startRun(path, { ifExists: 'append' });
    disguiseRuns(path, { host: 'far-away' });
    await runWhole(path, ticks(2), { ifExists: 'append' });
    await far.write(ticks(2, 2));
    await far.flush();
    await far.close();
    expect(readdirSync(path)).toHaveLength(2);
  });
});

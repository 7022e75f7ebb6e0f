import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { nodeFileSystem } from '../../src/outputs/disk/file-system.js';
import { livenessOf, type RunOwner, thisOwner } from '../../src/outputs/runs/run-owner.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { disguiseRuns, runWhole, startRun } from '../support/file-runs.js';

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

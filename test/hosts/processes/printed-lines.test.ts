import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { turnOfTheLoop } from '../../../src/core/clock.js';
import { readPrinted, showPrinted } from '../../../src/hosts/processes/printed-lines.js';

/** Prints for ever, and says how many bytes were taken of it. */
function startFlood(text: string) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const chunk = Buffer.alloc(65_536, text);
  let bytes = 0;
  const stream = new Readable({
    read() {
      bytes += chunk.length;
      this.push(chunk);
    },
  });
  onTestFinished(() => void stream.destroy());
  return { stream, bytes: () => bytes };
}

async function turns(count = 100): Promise<void> {
  for (let i = 0; i < count; i++) await turnOfTheLoop();
}

/** An output that takes what is written once it is told to. */
function startOutput() {
  const texts: string[] = [];
  const waiting: (() => void)[] = [];
  const output = new Writable({
    highWaterMark: 10,
    write(chunk, _, done) {
      texts.push(String(chunk));
      waiting.push(done);
    },
  });
  const takeAll = async () => {
    for (; waiting.length > 0; await turns(3)) waiting.shift()!();
  };
  return { output, texts, takeAll };
}

describe('what a process prints', () => {
  it.each([
    ['without a line end', 'x', 1_000_000],
    ['in empty lines', '\n', 400_000],
    ['in lines', 'a line\n', 400_000],
  ])('is read a bounded amount in a time: %s', async (_, text, bytesMax) => {
    const { stream, bytes } = startFlood(text);
    readPrinted(stream, () => {});
    await turns();
    const first = bytes();
    expect(first).toBeLessThan(bytesMax);
    await turns();
    expect(bytes()).toBe(first);
    await vi.advanceTimersByTimeAsync(2_000);
    await turns();
    expect(bytes()).toBeGreaterThan(first);
  });

  it('is told line by line, and the last one once it has ended', async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    const end = readPrinted(stream, (line) => lines.push(line));
    stream.write('one\n\ntw');
    stream.write('o\nthree');
    await turns();
    expect(lines).toEqual(['one', 'two']);
    end();
    expect(lines).toEqual(['one', 'two', 'three']);
  });

  it('waits where it is shown until the output takes more, and loses nothing', async () => {
    const stream = new PassThrough();
    const { output, texts, takeAll } = startOutput();
    const lines: string[] = [];
    showPrinted(stream, output, (line) => lines.push(line));
    stream.write('0123456789\n');
    await turns();
    stream.write('next\n');
    await turns();
    expect(texts).toEqual(['0123456789\n']);
    expect(lines).toEqual(['0123456789']);
    await takeAll();
    expect(texts.join('')).toBe('0123456789\nnext\n');
    expect(lines).toEqual(['0123456789', 'next']);
  });

  it('leaves no listeners on the output, however many wait for it', async () => {
    const { output, takeAll } = startOutput();
    const before = output.eventNames().map((name) => output.listenerCount(name));
    const streams = Array.from({ length: 20 }, () => new PassThrough());
    for (const stream of streams) {
      showPrinted(stream, output);
      stream.end('0123456789\n');
    }
    await turns();
    expect(output.listenerCount('drain')).toBe(1);
    await takeAll();
    await turns();
    expect(output.eventNames().map((name) => output.listenerCount(name))).toEqual(before);
  });

  it('goes on where the output has closed', async () => {
    const stream = new PassThrough();
    const { output } = startOutput();
    showPrinted(stream, output);
    stream.write('0123456789\n');
    await turns();
    expect(stream.isPaused()).toBe(true);
    output.destroy();
    await turns();
    expect(stream.isPaused()).toBe(false);
  });
});

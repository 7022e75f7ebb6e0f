import { MessageChannel } from 'node:worker_threads';
import { expose, releaseProxy, wrap } from 'comlink';
import { describe, expect, it, onTestFinished } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { portEndpoint } from '../../src/wire/port-endpoint.js';
import { heldOf } from '../support/collected.js';

function channel() {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  return { port1, port2 };
}

describe('a port as the endpoint of Comlink', () => {
  it('carries calls, answers and errors', async () => {
    const { port1, port2 } = channel();
    const fail = () => {
      throw new RangeError('no');
    };
    expose({ add: (a: number, b: number) => a + b, fail }, portEndpoint(port1));
    const remote = wrap<{ add(a: number, b: number): number; fail(): void }>(portEndpoint(port2));
    expect(await Promise.all([remote.add(1, 2), remote.add(3, 4)])).toEqual([3, 7]);
    await expect(remote.fail()).rejects.toThrow('no');
  });

  it('listens no more once the proxy was released', async () => {
    const { port1, port2 } = channel();
    expose({ name: () => 'it' }, portEndpoint(port1));
    const remote = wrap<{ name(): string }>(portEndpoint(port2));
    expect(await remote.name()).toBe('it');
    expect(port1.listenerCount('message')).toBe(1);
    remote[releaseProxy]();
    for (let turn = 0; turn < 100 && port1.listenerCount('message') > 0; turn++) await turnOfTheLoop();
    expect(port1.listenerCount('message')).toBe(0);
  });

  it('keeps nothing of a call that nobody answers once its port was closed from afar', async () => {
    const { port1, port2 } = channel();
    const askers = [{}];
    const held = askers.map((asker) => {
      const remote = wrap<{ name(): string }>(portEndpoint(port2));
      // Whoever asks has the proxy and is told of the answer: Comlink holds the port as long as the proxy is held.
      void remote.name().then(() => [asker, remote]);
      return new WeakRef(asker);
    });
    askers.length = 0;
    const isClosed = new Promise((resolve) => port2.once('close', resolve));
    port1.close();
    await isClosed;
    expect(await heldOf(held)).toBe(0);
  });

  it('posts nothing through a port that was closed', async () => {
    const { port1, port2 } = channel();
    const endpoint = portEndpoint(port1);
    const messages: unknown[] = [];
    port2.on('message', (message) => messages.push(message));
    port1.close();
    await new Promise((resolve) => port2.once('close', resolve));
    expect(() => endpoint.postMessage('late', [])).not.toThrow();
    expect(messages).toEqual([]);
  });
});

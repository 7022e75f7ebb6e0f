import { describe, expect, it } from 'vitest';
import type { CaptureFile } from '../../../src/providers/network/captures/capture-file.js';
import { RecordingNetwork } from '../../../src/providers/network/captures/recording-network.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { FakeNetwork } from '../../support/fake-network.js';
import { keptRig } from './kept-rig.js';

/** A network that is recorded, with what is written. */
function recordingRig(clock = new VirtualClock(), fake = new FakeNetwork(clock)) {
  const lines: string[] = [];
  const file = {
    add: (_: string, connection: number, kind: string) => lines.push(`${connection} ${kind}`),
    async close() {},
  } as unknown as CaptureFile; // what is needed of it
  const inner = {
    openSocket: fake.openSocket.bind(fake),
    request: fake.request.bind(fake),
    close() {},
  };
  return { fake, lines, network: new RecordingNetwork(inner, file, clock) };
}

const listener = { frame() {}, closed() {} };

describe('a recorded network whose capture is written too slowly', () => {
  it('lets suppliers of new sockets wait, too, once somebody listens', async () => {
    const { fake, network, lines } = recordingRig();
    const before = await network.openSocket('wss://a.test');
    network.press(true);
    before.listen(listener);
    (await network.openSocket('wss://b.test')).listen(listener);
    expect(fake.sockets.map(({ isPaused }) => isPaused)).toEqual([true, true]);
    network.press(false);
    expect(fake.sockets.map(({ isPaused }) => isPaused)).toEqual([false, false]);
    expect(lines.filter((line) => /held|freed/.test(line))).toEqual([
      '1 held',
      '2 held',
      '1 freed',
      '2 freed',
    ]);
  });

  it('goes on to let those wait that its user has paused', async () => {
    const { fake, network } = recordingRig();
    const socket = await network.openSocket('wss://a.test');
    socket.listen(listener);
    network.press(true);
    socket.pause();
    network.press(false);
    expect(fake.last.isPaused).toBe(true);
    network.press(true);
    socket.resume();
    expect(fake.last.isPaused).toBe(true);
    network.press(false);
    expect(fake.last.isPaused).toBe(false);
  });

  it('keeps connections on which nothing comes meanwhile, and notices silence after it', async () => {
    let press = (_isHigh: boolean): void => {};
    const rig = keptRig({}, (fake, clock) => {
      const { network } = recordingRig(clock, fake);
      press = (isHigh) => network.press(isHigh);
      return network;
    });
    await rig.start();
    rig.row(1);
    rig.network.last.onPing = () => {};
    press(true);
    await rig.clock.advance(300_000);
    expect(rig.network.sockets).toHaveLength(1);
    press(false);
    await rig.clock.advance(40_000);
    expect(rig.network.sockets).toHaveLength(1);
    await rig.clock.advance(30_000);
    expect(rig.network.sockets.length).toBeGreaterThan(1);
    await rig.stop();
  });
});

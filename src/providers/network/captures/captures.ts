import type { StageContext } from '../../../engine/stage.js';
import type { FeedOptions } from '../../contract/own-options.js';
import type { FeedMeans } from '../feed-means.js';
import { CaptureFile } from './capture-file.js';
import { Playback } from './playback.js';
import { RecordingNetwork } from './recording-network.js';
import { ReplayGate } from './replay-gate.js';

/**
 * What feeds a source whose options name a capture. In a file of its own: other sources do not load it.
 *
 * @param network - What is recorded.
 */
export function fromCaptures(
  provider: string,
  { capture, replay }: FeedOptions,
  context: StageContext,
  network: () => FeedMeans,
): FeedMeans {
  if (replay !== undefined) return fromReplay(provider, replay, context);
  return capture === undefined ? network() : recorded(provider, capture, network(), context);
}

function recorded(
  provider: string,
  directory: string,
  plain: FeedMeans,
  { job, clock, log }: StageContext,
): FeedMeans {
  const file = new CaptureFile({
    directory,
    job,
    clock,
    log,
    onPressure: (isHigh) => network.press(isHigh),
  });
  const network = new RecordingNetwork(plain.network, file, clock);
  return {
    ...plain,
    network: {
      openSocket: (url, options) => network.openSocket(url, options),
      request: (url, options) => network.request(url, options),
      close: () => network.close(),
    },
    async open() {
      await file.open();
      network.begin({ provider, job, chance: plain.chance() });
      log.info({ path: file.path }, 'messages are captured');
    },
    trouble() {
      if (file.failure !== undefined) return 'the capture has ended: its file cannot be written';
      return file.linesLost > 0 ? 'the capture is written too slowly: messages are missing in it' : undefined;
    },
    statistics: () => ({ captureBytes: file.bytesWritten, captureLinesLost: file.linesLost }),
  };
}

function fromReplay(
  provider: string,
  { capture: path, speed = 'max' }: NonNullable<FeedOptions['replay']>,
  { clock }: StageContext,
): FeedMeans {
  const playback = new Playback({ provider, path, speed, clock });
  // Nobody is called, so no budget is spent. But a provider that was asked to wait has to wait again.
  const gate = new ReplayGate(provider, playback.clock);
  return {
    network: {
      openSocket: (url, options) => playback.network.openSocket(url, options),
      request: (url, options) => playback.network.request(url, options),
      async close() {
        gate.stop();
        await playback.close();
      },
    },
    clock: playback.clock,
    gate,
    open: () => playback.open(),
    chance: () => playback.chance,
    attach: (reader) => playback.attach(reader),
    setBusy: (isBusy) => playback.setBusy(isBusy),
  };
}

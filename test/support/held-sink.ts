import type { ControlRecord } from '../../src/columns/control-record.js';
import { isRow, keepingSink } from './pipeline-rig.js';

/** A sink that holds each write until it is let go, and keeps what it was given. */
export function heldSink() {
  const { stream, sink } = keepingSink();
  let isHeld = true;
  let goOn = () => {};
  const write = sink.write.bind(sink);
  sink.write = async (batch) => {
    if (isHeld) {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
    }
    await write(batch);
  };
  return {
    sink,
    prices: () => stream.filter(isRow).map(({ price }) => price),
    records: () => stream.filter((entry): entry is ControlRecord => !isRow(entry)),
    letGo: () => {
      isHeld = false;
      goOn();
    },
  };
}

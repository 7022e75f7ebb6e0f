import { MessageChannel } from 'node:worker_threads';
import { wrap } from 'comlink';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ControlBridge } from '../../../src/hosts/processes/control-bridge.js';
import type { PipelineControl } from '../../../src/wire/pipeline-actor.js';
import { portEndpoint } from '../../../src/wire/port-endpoint.js';

describe('the control of a pipeline in a process', () => {
  it('has those reports of stages that are some, whatever the process answers', async () => {
    const { port1, port2 } = new MessageChannel();
    onTestFinished(() => port1.close());
    const sound = { stage: 'sink', use: 'null', health: { status: 'ok' }, statistics: {} };
    const bridge = new ControlBridge(port2, ({ id }) => {
      bridge.answer(id, [sound, { ...sound, health: null }, { ...sound, statistics: null }, null, 7]);
    });
    bridge.open();
    expect(await wrap<PipelineControl>(portEndpoint(port1)).describe()).toEqual([sound]);
  });
});

import { describe, expect, it } from 'vitest';
import { JobLife } from '../../src/supervision/job-life.js';
import { createJobMachine } from '../../src/supervision/job-machine.js';
import { SimulatedClock } from '../support/simulated-clock.js';

describe('the life of a job', () => {
  it('has one machine, though the job ends before it is shown to the inspector', () => {
    const seen: string[] = [];
    const life = new JobLife(
      {
        id: 'job-1',
        machine: createJobMachine(new SimulatedClock()),
        queuedAtMs: 0,
        inspect: ({ type }) => void seen.push(type),
      },
      { onCommand() {}, onStep() {}, onFault() {} },
    );
    life.send({ type: 'stop.requested' });
    expect(life.isDone).toBe(true);
    const steps = [...seen];
    life.begin();
    expect(seen).toEqual(steps);
    expect(life.state).toBe('stopped');
  });
});

/**
 * Spends from budgets of its parent in a process of its own, and writes down each admission in a file at once, so that
 * those of a process that was killed are counted too.
 */
import { openSync, writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { openRemoteResilience } from '../../dist/src/resilience/resilience.js';

const [, , file, handle, callers] = process.argv;
const admissions = openSync(file, 'a');
const link = {
  post: (message) => process.connected && process.send(message),
  onMessage: (take) => void process.on('message', take),
};
const resilience = openRemoteResilience({ handle: JSON.parse(handle), link, onProblem: () => {} });
const limiter = resilience.limiter({ provider: 'venue' });

async function spend(cost) {
  for (;;) {
    const earliest = process.hrtime.bigint();
    if (limiter.tryAcquire(cost) === 0) {
      writeSync(admissions, `${earliest} ${process.hrtime.bigint()} ${cost}\n`);
    } else {
      const permit = await limiter.acquire({ cost });
      writeSync(admissions, `${permit.atNs} ${permit.atNs} ${cost}\n`);
    }
    await setTimeout(1);
  }
}

for (let caller = 0; caller < Number(callers); caller++) void spend(1 + (caller % 3));
process.on('disconnect', () => process.exit());

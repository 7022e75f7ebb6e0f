import type { Writable } from 'node:stream';

/** Who waits until an output takes more, by output: many write to one, and it has one listener. */
const waiting = new WeakMap<Writable, Set<() => void>>();

/**
 * Writes to an output that others write to as well.
 *
 * @param onDrained - Called once the output takes more, or has closed, if it is full now.
 * @returns Whether it takes more now.
 */
export function writeShared(output: Writable, chunk: Buffer, onDrained: () => void): boolean {
  if (!output.writable || output.write(chunk)) return true; // what a closed one has lost, it says itself
  waitingFor(output).add(onDrained);
  return false;
}

function waitingFor(output: Writable): Set<() => void> {
  const found = waiting.get(output);
  if (found) return found;
  const made = new Set<() => void>();
  waiting.set(output, made);
  const goOn = () => {
    const all = [...made];
    made.clear();
    for (const onDrained of all) onDrained();
    waiting.delete(output);
    output.off('drain', goOn);
    output.off('close', goOn);
  };
  output.on('drain', goOn);
  output.on('close', goOn);
  return made;
}

import type { MessageLink } from '../../src/core/message-link.js';
import type { Random } from '../../src/core/random.js';
import type { SimulatedClock } from './simulated-clock.js';

/** Two ends of a way between processes: in order, slow, and cut where one of them ends. Messages are copies. */
export function linkedEnds(
  clock: SimulatedClock,
  { random, delayMsMax }: { readonly random: Random; readonly delayMsMax: number },
) {
  let isCut = false;
  const takers: ((message: unknown) => void)[] = [];
  const end = (to: number, own: number): MessageLink => {
    let last = 0n;
    return {
      post(message) {
        if (isCut) return;
        const copy = structuredClone(message);
        const at = clock.now() + BigInt(Math.floor(random.next() * delayMsMax * 1e6));
        last = at > last ? at : last;
        clock.setTimeout(() => isCut || takers[to]?.(copy), Number(last - clock.now()) / 1e6);
      },
      onMessage(take) {
        takers[own] = take;
      },
    };
  };
  const cut = () => {
    isCut = true;
  };
  return { parent: end(1, 0), child: end(0, 1), cut };
}

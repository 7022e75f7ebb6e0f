import type { FileSystem } from '../../src/outputs/disk/file-system.js';

/** Turns of the loop that a call may wait before it is made. */
const TURNS_MAX = 12;

/**
 * A file system whose calls wait for a random number of turns before they are made, so that runs beside one
 * another meet in ever new orders: those that start at once would take the same turns otherwise.
 *
 * @param random - 0 or more and below 1.
 */
export function withRandomTurns(fs: FileSystem, random: () => number): FileSystem {
  return new Proxy(fs, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver);
      if (typeof member !== 'function') return member;
      return async (...given: unknown[]) => {
        for (let turns = Math.floor(random() * TURNS_MAX); turns > 0; turns--) await undefined;
        return Reflect.apply(member, target, given) as unknown;
      };
    },
  });
}

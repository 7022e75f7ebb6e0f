import type { IfExists } from '../../src/outputs/output.js';
import type { ObjectClient } from './object-store.js';

/** A part that has ended, and the objects with its bytes. */
export interface ObjectPart {
  readonly name: string;
  readonly bytes: number;
  readonly chunks: readonly string[];
}

/** What happened at an output. Of a run, the entry with the highest epoch says who owns it. */
export type LogEntry = { readonly run: string; readonly epoch: number } & (
  | { readonly kind: 'owned'; readonly mode: IfExists }
  | { readonly kind: 'publish'; readonly parts: readonly ObjectPart[]; readonly old: readonly string[] }
  /** `isOver`: nobody will go on with the run. */
  | { readonly kind: 'ended'; readonly isOver: boolean }
);

/**
 * The log of an output: one object an entry, made by a conditional put under the next number. So all that
 * work at an output agree on one order of takeovers and publications, without a lock.
 */
export class ObjectLog {
  readonly entries: LogEntry[] = [];
  readonly #client: ObjectClient;
  readonly #prefix: string;

  constructor(client: ObjectClient, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  /**
   * Adds an entry behind all that are there.
   *
   * @param refuse - Throws if the entry may not follow on these. Asked again when another one came first.
   * @returns Its number.
   */
  async append(entry: LogEntry, refuse: (entries: readonly LogEntry[]) => void): Promise<number> {
    for (;;) {
      await this.catchUp();
      refuse(this.entries);
      const number = this.entries.length;
      const bytes = Buffer.from(JSON.stringify(entry));
      if (!(await this.#client.putIfAbsent(this.#keyOf(number), bytes))) continue;
      this.entries.push(entry);
      return number;
    }
  }

  async catchUp(): Promise<void> {
    for (;;) {
      const bytes = await this.#client.get(this.#keyOf(this.entries.length));
      if (!bytes) return;
      this.entries.push(JSON.parse(bytes.toString()) as LogEntry);
    }
  }

  #keyOf = (number: number): string => `${this.#prefix}${String(number).padStart(8, '0')}`;
}

/** The last owner of each run that has not ended. */
export function ownersIn(entries: readonly LogEntry[]): Map<string, Extract<LogEntry, { kind: 'owned' }>> {
  const owners = new Map<string, Extract<LogEntry, { kind: 'owned' }>>();
  for (const entry of entries) {
    if (entry.kind === 'owned') owners.set(entry.run, entry);
    else if (entry.kind === 'ended' && owners.get(entry.run)?.epoch === entry.epoch) owners.delete(entry.run);
  }
  return owners;
}

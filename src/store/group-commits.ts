import { endOfTurn } from '../core/clock.js';
import { type EntryChange, slotOf } from './stored-entries.js';

/** Characters of the changes that share a write: what is encoded of a burst in one turn of the loop. */
const GROUP_CHARS_MAX = 262_144;

interface Group {
  /** By kind and key: of several changes of one record, only the last is written. */
  readonly changes: Map<string, EntryChange>;
  chars: number;
  readonly done: Promise<void>;
  readonly settle: (error?: unknown) => void;
}

/** Gathers the changes of a turn of the loop, and those that come while a write is under way, into one write. */
export class GroupCommits {
  readonly #write: (changes: readonly EntryChange[]) => Promise<void>;
  readonly #groups: Group[] = [];
  #working: Promise<void> | undefined;

  /** @param write - Called for one group at a time. All changes of a group that it rejects are rejected. */
  constructor(write: (changes: readonly EntryChange[]) => Promise<void>) {
    this.#write = write;
  }

  /** Resolves when these changes are written: in one write, or none of them. */
  add(changes: readonly EntryChange[]): Promise<void> {
    let group = this.#groups.at(-1);
    if (!group || group.chars > GROUP_CHARS_MAX) {
      group = newGroup();
      this.#groups.push(group);
    }
    for (const change of changes) {
      const slot = slotOf(change.kind, change.key);
      group.chars += charsOf(change) - charsOf(group.changes.get(slot));
      group.changes.set(slot, change);
    }
    this.#working ??= this.#work();
    return group.done;
  }

  /** Resolves when nothing is left to write. */
  async settled(): Promise<void> {
    await this.#working;
  }

  async #work(): Promise<void> {
    await endOfTurn();
    for (let group = this.#groups.shift(); group; group = this.#groups.shift()) {
      try {
        await this.#write([...group.changes.values()]);
        group.settle();
      } catch (error) {
        group.settle(error);
      }
      // What is done now that the group is written may change more: these changes go together.
      if (this.#groups.length === 0) await endOfTurn();
    }
    this.#working = undefined;
  }
}

const charsOf = (change: EntryChange | undefined): number =>
  change ? change.key.length + (change.text?.length ?? 0) : 0;

function newGroup(): Group {
  let settle: Group['settle'] = () => {};
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  return { changes: new Map(), chars: 0, done, settle };
}

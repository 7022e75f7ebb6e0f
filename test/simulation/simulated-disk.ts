import type { FileHandle } from 'node:fs/promises';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import type { Life } from './life.js';

/** What happens to the disk of a machine. */
export interface DiskFaults {
  isFull: boolean;
  /** A mistake to be found: it says that files are synced which are not. */
  readonly losesSyncs?: boolean | undefined;
}

const WRITES = new Set(['write', 'writeFile', 'mkdir', 'copyFile', 'link', 'create']);

/** A disk as it is seen in a life: each call waits until that runs, before and after it is made. */
export function diskIn(life: Life, disk: FileSystem, faults: DiskFaults): FileSystem {
  const around = async <T>(operation: string, act: () => Promise<T>): Promise<T> => {
    await life.pass();
    if (faults.isFull && WRITES.has(operation)) {
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    }
    const result = await (faults.losesSyncs && operation === 'sync' ? undefined : act());
    await life.pass();
    return result as T; // a sync has none
  };
  return gated(disk, {
    around,
    open: async (...given) => {
      const operation = String(given[1]).startsWith('w') ? 'create' : 'open';
      const handle = (await around(operation, () => Reflect.apply(disk.open, disk, given))) as FileHandle;
      return gated(handle, { around });
    },
  });
}

type Act = (...given: never[]) => Promise<unknown>;

/** Functions of the target that are made in another way, and all others around what they do. */
function gated<T extends object>(
  target: T,
  { around, ...own }: { around: <R>(operation: string, act: () => Promise<R>) => Promise<R>; open?: Act },
): T {
  return new Proxy(target, {
    get(of, key) {
      if (key in own) return own[key as keyof typeof own];
      const member: unknown = Reflect.get(of, key);
      if (typeof member !== 'function') return member;
      return (...given: unknown[]) =>
        around(String(key), async () => Reflect.apply(member, of, given) as unknown);
    },
  });
}

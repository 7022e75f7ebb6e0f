import { InvalidHandleError } from '../core/invalid-handle-error.js';

/** Shared memory as plain data: may be posted to any thread of the process and opened there. */
export interface SharedHandle<Kind extends string = string> {
  readonly kind: Kind;
  /** Of the layout of the memory: differs between versions of the package. */
  readonly protocol: number;
  readonly memory: SharedArrayBuffer;
}

export interface ExpectedKind {
  /** Of what it should be a handle, for messages. */
  readonly what: string;
  readonly kind: string;
  readonly protocol: number;
}

export interface ExpectedHandle extends ExpectedKind {
  /** Bytes of the memory, where they are known. */
  readonly bytes?: number;
}

/**
 * Checks what came from another thread: it may be anything.
 *
 * @throws {InvalidHandleError}
 */
export function checkHandle(handle: unknown, expected: ExpectedHandle): SharedArrayBuffer {
  checkKind(handle, expected);
  const { what, bytes } = expected;
  const { memory } = handle as { readonly memory?: unknown };
  if (!(memory instanceof SharedArrayBuffer)) throw new InvalidHandleError(what, 'one without shared memory');
  if (bytes !== undefined && memory.byteLength !== bytes) {
    throw new InvalidHandleError(what, `${memory.byteLength} bytes of shared memory instead of ${bytes}`);
  }
  return memory;
}

/**
 * Checks all but the memory.
 *
 * @throws {InvalidHandleError}
 */
export function checkKind(handle: unknown, { what, kind, protocol }: ExpectedKind): void {
  if (typeof handle !== 'object' || handle === null) {
    throw new InvalidHandleError(what, handle === null ? 'null' : typeof handle);
  }
  const found = handle as Partial<SharedHandle>;
  if (found.kind !== kind) throw new InvalidHandleError(what, 'an object of another kind');
  if (found.protocol === protocol) return;
  const other = typeof found.protocol === 'number' ? `protocol ${found.protocol}` : 'no protocol';
  throw new InvalidHandleError(what, `${other}, not ${protocol}`);
}

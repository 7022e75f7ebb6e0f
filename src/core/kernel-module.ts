/** The part of WebAssembly that is used; its types come with those of browsers. `undefined` under `--jitless`. */
declare const WebAssembly:
  | {
      readonly Module: new (bytes: Uint8Array) => object;
      readonly Instance: new (module: object) => { readonly exports: Record<string, unknown> };
    }
  | undefined;

/** What a module exports: functions, its memory, and its constants. */
export type KernelExports = Readonly<Record<string, unknown>>;

/**
 * Returns what gives the kernels of this thread: made from a module at the first call, in about 1 ms. It gives
 * `undefined` where there is no WebAssembly with vectors (`--jitless`, an old processor, not enough address space),
 * or `TICKLOOM_NO_WASM` is 1.
 *
 * @param bytes - The module, in base64.
 */
export function kernelsPerThread<Kernels>(
  bytes: string,
  make: (exports: KernelExports) => Kernels,
): () => Kernels | undefined {
  let made: Kernels | null | undefined;
  return () => {
    if (process.env.TICKLOOM_NO_WASM === '1') return undefined;
    if (made === undefined) {
      const exports = newInstance(bytes);
      made = exports ? make(exports) : null;
    }
    return made ?? undefined;
  };
}

function newInstance(bytes: string): KernelExports | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  try {
    return new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(bytes, 'base64'))).exports;
  } catch {
    return undefined; // what kernels do can be done without them
  }
}

/** Where a module says that something is, or how large. */
export const constantOf = (exports: KernelExports, name: string): number =>
  (exports[name] as { readonly value: number }).value;

/** All of the memory of a module, which never grows. */
export const memoryOf = (exports: KernelExports): ArrayBuffer =>
  (exports.memory as { readonly buffer: ArrayBuffer }).buffer;

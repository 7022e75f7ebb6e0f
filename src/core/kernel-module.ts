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
  const makeNew = kernelMaker(bytes, make);
  let made: Kernels | null | undefined;
  return () => {
    if (isSwitchedOff()) return undefined;
    if (made === undefined) made = makeNew() ?? null;
    return made ?? undefined;
  };
}

/**
 * Returns what makes kernels with a memory of their own from a module, which is compiled once a thread. It gives
 * `undefined` where there can be none, as `kernelsPerThread` has it.
 */
export function kernelMaker<Kernels>(
  bytes: string,
  make: (exports: KernelExports) => Kernels,
): () => Kernels | undefined {
  let module: object | undefined;
  let isImpossible = typeof WebAssembly === 'undefined';
  const instantiate = (): KernelExports | undefined => {
    if (isSwitchedOff() || isImpossible || typeof WebAssembly === 'undefined') return undefined;
    try {
      module ??= new WebAssembly.Module(Buffer.from(bytes, 'base64'));
      return new WebAssembly.Instance(module).exports;
    } catch {
      isImpossible = true; // what kernels do can be done without them; to try again may take long
      return undefined;
    }
  };
  return () => {
    const exports = instantiate();
    return exports && make(exports);
  };
}

const isSwitchedOff = (): boolean => process.env.TICKLOOM_NO_WASM === '1';

/** Where a module says that something is, or how large. */
export const constantOf = (exports: KernelExports, name: string): number =>
  (exports[name] as { readonly value: number }).value;

/** All of the memory of a module, which never grows. */
export const memoryOf = (exports: KernelExports): ArrayBuffer =>
  (exports.memory as { readonly buffer: ArrayBuffer }).buffer;

import type { DeclaredProvider } from './provider-capabilities.js';

/** A component as its module declares it. Plain data: it crosses from the thread that loaded the module. */
export interface DeclaredComponent {
  readonly kind: 'source' | 'operator' | 'batcher' | 'sink';
  readonly name: string;
  readonly summary: string;
  readonly loads: 'javascript' | 'wasm' | 'native' | 'by its options';
  /** Options that may change between two starts of a run. */
  readonly mayChange: readonly string[];
  /** JSON Schema of its options, as people write them. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Of a source that was made of a provider. */
  readonly provider?: DeclaredProvider;
}

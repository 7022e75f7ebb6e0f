import { createRequire } from 'node:module';
import { PipelineError } from '../../core/errors.js';

export type DuckDb = typeof import('@duckdb/node-api');

/** The calls of the native part that copy whole columns: the package above it goes value by value. */
export interface DuckDbVectors {
  data_chunk_get_vector(chunk: unknown, column: number): unknown;
  copy_data_to_vector(
    vector: unknown,
    toByte: number,
    from: ArrayBufferLike,
    fromByte: number,
    bytes: number,
  ): void;
  vector_ensure_validity_writable(vector: unknown): void;
  copy_data_to_vector_validity(
    vector: unknown,
    toByte: number,
    from: ArrayBufferLike,
    fromByte: number,
    bytes: number,
  ): void;
  vector_assign_string_element_len(vector: unknown, row: number, text: Uint8Array): void;
  vector_get_data(vector: unknown, bytes: number): Uint8Array;
  /** `null` where all rows have a value. */
  vector_get_validity(vector: unknown, bytes: number): Uint8Array | null;
}

export interface LoadedDuckDb {
  readonly api: DuckDb;
  readonly vectors: DuckDbVectors;
}

const PACKAGE = '@duckdb/node-api';
const NEEDED = [
  'data_chunk_get_vector',
  'copy_data_to_vector',
  'vector_ensure_validity_writable',
  'copy_data_to_vector_validity',
  'vector_assign_string_element_len',
  'vector_get_data',
  'vector_get_validity',
] as const;

let loaded: LoadedDuckDb | undefined;

/**
 * Loads the optional peer `@duckdb/node-api` when it is first needed.
 *
 * @param load - For tests.
 * @throws {PipelineError} `PEER_MISSING` if it is not installed, or is a version that lacks a call.
 */
export function loadDuckDb(load?: (name: string) => unknown): LoadedDuckDb {
  if (loaded && !load) return loaded;
  const found = requirePeer(load);
  if (!load) loaded = found;
  return found;
}

function requirePeer(load: ((name: string) => unknown) | undefined): LoadedDuckDb {
  const from = createRequire(import.meta.url);
  let api: DuckDb;
  let vectors: DuckDbVectors;
  try {
    // The casts are true for the versions that pass the check below.
    api = (load ?? from)(PACKAGE) as DuckDb;
    const inPeer = load ?? createRequire(from.resolve(PACKAGE));
    vectors = inPeer('@duckdb/node-bindings') as DuckDbVectors;
  } catch (cause) {
    throw new PipelineError(
      'PEER_MISSING',
      `DuckDB needs the package "${PACKAGE}", which cannot be loaded: npm install ${PACKAGE}`,
      { cause },
    );
  }
  const lacks = NEEDED.find((name) => typeof vectors[name] !== 'function');
  if (lacks === undefined) return { api, vectors };
  throw new PipelineError(
    'PEER_MISSING',
    `Expected a version of "${PACKAGE}" with the call "${lacks}", found one without it: npm install ${PACKAGE}@latest`,
  );
}

import { SETTINGS_KEYS } from '../settings/kind-of-keys.js';
import { PipelineSpec } from './pipeline-spec.js';
import { SOURCE_FRONT_KEYS } from './source-front-options.js';

/** Options of the usual batcher that no other component has. Its schema is not loaded for a hint. */
export const BATCHER_KEYS = ['maxRows', 'maxBytes', 'maxDelayMs', 'maxKeys'] as const;

const SPEC_KEYS = Object.keys(PipelineSpec.shape);

const PLACES: ReadonlyMap<string, string> = new Map([
  ...BATCHER_KEYS.map((key) => [key, `is an option of the batcher, as batcher.${key}`] as const),
  ...SETTINGS_KEYS.map(
    (key) => [key, 'is a setting of the runtime, for createRuntime or the file of --settings'] as const,
  ),
  ...SOURCE_FRONT_KEYS.map((key) => [key, `goes with a source, as source.${key}`] as const),
  ...SPEC_KEYS.map((key) => [key, 'stands at the top of a spec, beside "source" and "sink"'] as const),
]);

/** Says where a key of a spec or of settings belongs that was found in another place. */
export function whereItBelongs(key: string): string | undefined {
  const place = PLACES.get(key);
  return place && `"${key}" ${place}`;
}

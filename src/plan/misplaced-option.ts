import { RuntimeSettings } from '../settings/runtime-settings.js';
import { PipelineSpec } from './pipeline-spec.js';
import { SOURCE_FRONT_KEYS } from './source-front-options.js';

/** Options of the usual batcher that no other component has. Its schema is not loaded for a hint. */
export const BATCHER_KEYS = ['maxRows', 'maxBytes', 'maxDelayMs', 'maxKeys'] as const;

/** Keys of settings that are mappings of their own. */
const SETTINGS_KEYS = [...Object.keys(RuntimeSettings.shape), 'budgets', 'breakers'];

/** Keys of calendars that nothing else has. */
const CALENDAR_KEYS = ['zone', 'extends', 'hours', 'holidays', 'exceptions'];

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

/** Whether keys at the top of a file are those of a spec, of settings, or of a calendar. */
export function kindOfKeys(keys: readonly string[]): 'spec' | 'settings' | 'calendar' | undefined {
  if (keys.includes('sink')) return 'spec';
  const isSettings = keys.some((key) => SETTINGS_KEYS.includes(key));
  // A calendar says its source, too.
  if (!isSettings && keys.some((key) => CALENDAR_KEYS.includes(key))) return 'calendar';
  if (keys.includes('source')) return 'spec';
  return isSettings ? 'settings' : undefined;
}

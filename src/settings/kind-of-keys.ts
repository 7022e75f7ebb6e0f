import { RuntimeSettings } from './runtime-settings.js';

/** Keys of settings that are mappings of their own. */
export const SETTINGS_KEYS: readonly string[] = [
  ...Object.keys(RuntimeSettings.shape),
  'budgets',
  'breakers',
];

/** Keys of calendars that nothing else has. */
export const CALENDAR_KEYS: readonly string[] = ['zone', 'extends', 'hours', 'holidays', 'exceptions'];

/** Whether keys at the top of a file are those of a spec, of settings, or of a calendar. */
export function kindOfKeys(keys: readonly string[]): 'spec' | 'settings' | 'calendar' | undefined {
  if (keys.includes('sink')) return 'spec';
  const isSettings = keys.some((key) => SETTINGS_KEYS.includes(key));
  // A calendar says its source, too.
  if (!isSettings && keys.some((key) => CALENDAR_KEYS.includes(key))) return 'calendar';
  if (keys.includes('source')) return 'spec';
  return isSettings ? 'settings' : undefined;
}

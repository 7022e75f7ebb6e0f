import { calendarNameProblem } from '../../calendars/named-calendar.js';
import { parseDurationNs } from '../../core/duration-text.js';
import { describeValue, quoted } from '../../core/shown-text.js';
import { CALENDAR_MARK } from '../../settings/calendar-mark.js';

/** When a stream is silent. */
export interface SilenceOptions {
  /** Open session without a row after which a symbol is stale, such as `30s`. Default: learned for each symbol. */
  readonly after?: string | undefined;
  /** Name of the calendar, or the path of its file. Default: that of the provider's asset classes, if it is one. */
  readonly sessions?: string | undefined;
  /** The share of symbols whose silence ends the stream, above 0 to 1. Default: 1, all of them. */
  readonly switchShare?: number | undefined;
}

/** How missed rows are fetched. */
export interface BackfillOptions {
  /** How long rows after a gap wait for those in it. Default: `10s`. */
  readonly waitMax?: string | undefined;
  /** How many rows wait at most. Default: 65536. */
  readonly rowsMax?: number | undefined;
}

export const WAIT_MAX_MS = 10_000;
export const ROWS_MAX = 65_536;
const HELD_ROWS_MAX = 4_194_304;

type Add = (path: readonly (string | number)[], message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

/** Says what is wrong with `silence` and `backfill`. @param isStream - Otherwise, they are refused. */
export function checkQualityOptions(isStream: boolean, { silence, backfill }: Fields, add: Add): void {
  for (const [key, value] of Object.entries({ silence, backfill })) {
    if (value !== undefined && !isStream) add([key], `expected no "${key}" with "history", found one`);
  }
  if (!isStream) return;
  const ofSilence = checkedFields('silence', silence, ['after', 'sessions', 'switchShare'], add);
  if (ofSilence) checkSilence(ofSilence, add);
  const ofBackfill = checkedFields('backfill', backfill, ['waitMax', 'rowsMax'], add);
  if (ofBackfill) checkBackfill(ofBackfill, add);
}

function checkSilence({ after, sessions, switchShare }: Fields, add: Add): void {
  checkDuration(['silence', 'after'], after, add);
  const problem = sessions === undefined ? undefined : calendarNameProblem(sessions);
  if (problem !== undefined) add(['silence', 'sessions'], problem);
  if (
    switchShare !== undefined &&
    !(typeof switchShare === 'number' && switchShare > 0 && switchShare <= 1)
  ) {
    add(['silence', 'switchShare'], `expected a share above 0, to 1, found ${shown(switchShare)}`);
  }
}

function checkBackfill({ waitMax, rowsMax }: Fields, add: Add): void {
  checkDuration(['backfill', 'waitMax'], waitMax, add);
  const isRows =
    Number.isSafeInteger(rowsMax) && (rowsMax as number) > 0 && (rowsMax as number) <= HELD_ROWS_MAX;
  if (rowsMax !== undefined && !isRows) {
    add(['backfill', 'rowsMax'], `expected 1 to ${HELD_ROWS_MAX} rows, found ${shown(rowsMax)}`);
  }
}

/** @returns The fields of an option that is a mapping of these keys; `undefined` if there is nothing to look at. */
function checkedFields(key: string, value: unknown, keys: readonly string[], add: Add): Fields | undefined {
  if (value === undefined || value === false) return undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    add([key], `expected false, or a mapping of ${keys.join(', ')}, found ${describeValue(value)}`);
    return undefined;
  }
  for (const odd of Object.keys(value).filter((each) => !keys.includes(each))) {
    add([key, odd], `expected ${keys.join(', ')}, found "${odd.slice(0, 40)}"`);
  }
  return value as Fields;
}

function checkDuration(path: readonly string[], value: unknown, add: Add): void {
  if (value === undefined) return;
  const ns = typeof value === 'string' ? parseDurationNs(value) : undefined;
  if (ns !== undefined && ns >= NANOS_MIN && ns <= NANOS_MAX) return;
  add(path, `expected a duration of 1s to 7d, such as "30s", found ${shown(value)}`);
}

const NANOS_MIN = 1_000_000_000n;
const NANOS_MAX = 7n * 86_400_000_000_000n;

const shown = (value: unknown): string =>
  typeof value === 'string'
    ? quoted(value)
    : typeof value === 'number'
      ? String(value)
      : describeValue(value);

/** The same as JSON Schema. */
export function qualityJsonSchema(): Readonly<Record<string, unknown>> {
  const orFalse = (description: string, properties: object) => ({
    anyOf: [{ const: false }, { type: 'object', properties, additionalProperties: false }],
    description,
  });
  const text = (description: string) => ({ type: 'string', description });
  return {
    silence: orFalse('When a stream is silent. false: nobody watches', {
      after: text('Open session without a row after which a symbol is stale. Default: learned'),
      sessions: {
        ...text('Calendar whose sessions count, by its name or its file. Default: that of the provider'),
        [CALENDAR_MARK]: true,
      },
      switchShare: {
        type: 'number',
        exclusiveMinimum: 0,
        maximum: 1,
        description: 'Share of symbols whose silence ends the stream. Default: 1',
      },
    }),
    backfill: orFalse('How missed rows are fetched from the history. false: they are lost', {
      waitMax: text('How long rows after a gap wait for those in it. Default: 10s'),
      rowsMax: {
        type: 'integer',
        minimum: 1,
        maximum: HELD_ROWS_MAX,
        description: `How many rows wait at most. Default: ${ROWS_MAX}`,
      },
    }),
  };
}

/** @param text - A duration that was checked. */
export const msOfDuration = (text: string): number => Number(parseDurationNs(text)) / 1e6;

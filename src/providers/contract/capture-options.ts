import { describeValue } from '../../core/shown-text.js';
import { fieldsOf } from './own-options.js';

type Add = (path: readonly (string | number)[], message: string) => void;
type Fields = Readonly<Record<string, unknown>>;

const SPEED_MIN = 1e-6;
const SPEED_MAX = 1e9;
const SPEED = 'expected "max" or a number above 0 (1 is real time, 10 ten times as fast)';

/** Says what is wrong with `capture` and `replay`. */
export function checkCaptures({ capture, replay, history, to }: Fields, add: Add): void {
  if (capture !== undefined && !isPath(capture)) {
    add(['capture'], `expected the path of a directory for captures, found ${describeValue(capture)}`);
  }
  if (replay === undefined) return;
  if (capture !== undefined) add(['capture'], 'expected either "capture" or "replay", found both');
  if (typeof replay !== 'object' || replay === null || Array.isArray(replay)) {
    add(['replay'], `expected {capture, speed}, found ${describeValue(replay)}`);
    return;
  }
  const { capture: path, speed, ...others } = fieldsOf(replay);
  if (!isPath(path)) {
    add(['replay', 'capture'], `expected the path of a capture, found ${describeValue(path)}`);
  }
  const isSpeed =
    speed === undefined ||
    speed === 'max' ||
    (typeof speed === 'number' && speed >= SPEED_MIN && speed <= SPEED_MAX);
  if (!isSpeed) add(['replay', 'speed'], `${SPEED}, found ${describeValue(speed)}`);
  for (const key of Object.keys(others)) {
    add(['replay', key], 'expected "capture" and "speed" alone, found something else');
  }
  if (history !== undefined && to === undefined) {
    add(['to'], 'expected an instant, as the capture has one, found none');
  }
}

const isPath = (value: unknown): boolean => typeof value === 'string' && value !== '';

/** The same options as JSON Schema. */
export const captureJsonSchema = {
  capture: {
    type: 'string',
    minLength: 1,
    description: 'Directory in which each start records what the network gave it, in a file of its own',
  },
  replay: {
    type: 'object',
    properties: {
      capture: { type: 'string', minLength: 1, description: 'Path of a capture' },
      speed: {
        anyOf: [{ const: 'max' }, { type: 'number', minimum: SPEED_MIN, maximum: SPEED_MAX }],
        default: 'max',
        description: '`max`, or how many times faster than real time',
      },
    },
    required: ['capture'],
    additionalProperties: false,
    description: 'Reads a capture in place of the network',
  },
} as const;

/** Texts of the command line as the values that they stand for. Each throws what Commander prints as wrong usage. */
import { InvalidArgumentError } from 'commander';
import { PRIORITY_MAX } from '../settings/priority.js';
import { parseDurationMs } from './duration-argument.js';

export function durationArgument(text: string): string {
  if (parseDurationMs(text) === undefined)
    throw new InvalidArgumentError('Expected a duration of 1ms to 365d, such as 500ms, 10s or 5m.');
  return text;
}

export function priorityArgument(text: string): number {
  if (!/^-?\d{1,2}$/.test(text) || Math.abs(Number(text)) > PRIORITY_MAX)
    throw new InvalidArgumentError(`Expected a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}.`);
  return Number(text);
}

export function labelArgument(text: string): string {
  if (!/^[^=]{1,256}=.{1,256}$/s.test(text))
    throw new InvalidArgumentError('Expected name=text, each of 1 to 256 characters.');
  return text;
}

export function instantArgument(text: string): string {
  // As the option of a submit has it.
  if (
    !/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ||
    Number.isNaN(Date.parse(text))
  )
    throw new InvalidArgumentError('Expected an instant with its zone, such as 2026-01-02T16:00:00-05:00.');
  return text;
}

export function threadsArgument(text: string): number {
  return wholeNumber(text, 4_096);
}

export function rowsArgument(text: string): number {
  return wholeNumber(text, 10_000);
}

export function wholeNumber(text: string, max: number): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > max) throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`);
  return value;
}

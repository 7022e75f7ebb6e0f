import type { BenchResult } from './bench-result.js';

/**
 * A line a result; a peer's ends in how many times better our result is that it is compared with (a rate
 * over a rate, or a cost under a cost).
 */
export function resultsTable(results: readonly BenchResult[]): string {
  const nameWidth = Math.max(...results.map(({ name }) => name.length)) + 2;
  return results.map((result) => lineOf(result, results, nameWidth)).join('\n');
}

function lineOf(result: BenchResult, all: readonly BenchResult[], nameWidth: number): string {
  const { name, ours, unit, like } = result;
  const figure =
    'value' in result ? `${result.value.toFixed(2)} ${unit}` : `${groups(result.perSecond)} ${unit}/s`;
  const own = all.find((other) => other.ours && other.unit === unit && (like ?? other.name) === other.name);
  const times = ours || own === undefined ? Number.NaN : ratioOf(own, result);
  // What is left of a cost after the bare call was taken off may be nothing, or less.
  const ratio = times > 0 && Number.isFinite(times) ? `  tickloom is ${times.toFixed(2)} ×` : '';
  return `${ours ? '*' : ' '} ${name.padEnd(nameWidth)}${figure.padStart(22)}${spreadOf(result)}${ratio}`;
}

function spreadOf(result: BenchResult): string {
  if (!('middleHalf' in result) || !result.middleHalf) return '';
  const [low, high] = result.middleHalf;
  return `  (half of them ${low.toFixed(2)} to ${high.toFixed(2)})`;
}

function ratioOf(ours: BenchResult, peer: BenchResult): number {
  if ('value' in ours) return 'value' in peer ? peer.value / ours.value : Number.NaN;
  return 'perSecond' in peer ? ours.perSecond / peer.perSecond : Number.NaN;
}

const groups = (value: number): string => Math.round(value).toLocaleString('en-US');

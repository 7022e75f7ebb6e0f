import type { BenchResult } from './bench-result.js';

/**
 * A line a result; a peer's ends in how many times better our first result of that unit is (a rate
 * over a rate, or a cost under a cost).
 */
export function resultsTable(results: readonly BenchResult[]): string {
  const nameWidth = Math.max(...results.map(({ name }) => name.length)) + 2;
  return results.map((result) => lineOf(result, results, nameWidth)).join('\n');
}

function lineOf(result: BenchResult, all: readonly BenchResult[], nameWidth: number): string {
  const { name, ours, unit } = result;
  const figure =
    'value' in result ? `${result.value.toFixed(2)} ${unit}` : `${groups(result.perSecond)} ${unit}/s`;
  const best = all.find((other) => other.ours && other.unit === unit);
  const ratio = ours || best === undefined ? '' : `  tickloom is ${ratioOf(best, result).toFixed(2)} ×`;
  return `${ours ? '*' : ' '} ${name.padEnd(nameWidth)}${figure.padStart(22)}${ratio}`;
}

function ratioOf(ours: BenchResult, peer: BenchResult): number {
  if ('value' in ours) return 'value' in peer ? peer.value / ours.value : Number.NaN;
  return 'perSecond' in peer ? ours.perSecond / peer.perSecond : Number.NaN;
}

const groups = (value: number): string => Math.round(value).toLocaleString('en-US');

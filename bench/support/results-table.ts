import type { BenchResult, CostResult, RateResult } from './bench-result.js';

/** One that was measured. */
type Figure = RateResult | CostResult;

/**
 * A line a result; a peer's ends in how many times better our result is that it is compared with (a rate
 * over a rate, or a cost under a cost): by wall clock, and by CPU time where both have it.
 */
export function resultsTable(results: readonly BenchResult[]): string {
  const nameWidth = Math.max(...results.map(({ name }) => name.length)) + 2;
  return results.map((result) => lineOf(result, results, nameWidth)).join('\n');
}

function lineOf(result: BenchResult, all: readonly BenchResult[], nameWidth: number): string {
  const { name, ours } = result;
  const begin = `${ours ? '*' : ' '} ${name.padEnd(nameWidth)}`;
  if ('notRun' in result) return `${begin}  not run: ${result.notRun}`;
  const { wall, cpu } = figuresOf(result);
  const cpuText = cpu === undefined ? '' : `, by CPU ${cpu}`;
  return `${begin}${wall.padStart(22)}${cpuText}${spreadOf(result)}${ratiosOf(result, all)}`;
}

function figuresOf(result: Figure): { wall: string; cpu?: string | undefined } {
  if ('value' in result) {
    const cost = (value: number) => `${value.toFixed(2)} ${result.unit}`;
    return {
      wall: cost(result.value),
      cpu: result.cpuValue === undefined ? undefined : cost(result.cpuValue),
    };
  }
  const rate = (perSecond: number) => `${groups(perSecond)} ${result.unit}/s`;
  const cpu = result.perCpuSecond === undefined ? undefined : rate(result.perCpuSecond);
  return { wall: rate(result.perSecond), cpu };
}

function ratiosOf(peer: Figure, all: readonly BenchResult[]): string {
  if (peer.ours || peer.like === null) return '';
  const own = all.find(
    (other): other is Figure =>
      other.ours && other.unit === peer.unit && (peer.like ?? other.name) === other.name,
  );
  if (own === undefined) return '';
  const [wall, cpu] = 'value' in own ? costRatios(own, peer) : rateRatios(own, peer);
  // What is left of a cost after the bare call was taken off may be nothing, or less.
  if (!isRatio(wall)) return '';
  return `  tickloom is ${wall.toFixed(2)} ×${isRatio(cpu) ? `, by CPU ${cpu.toFixed(2)} ×` : ''}`;
}

function costRatios(ours: CostResult, peer: Figure): [wall: number, cpu: number] {
  if (!('value' in peer)) return [Number.NaN, Number.NaN];
  return [peer.value / ours.value, (peer.cpuValue ?? Number.NaN) / (ours.cpuValue ?? Number.NaN)];
}

function rateRatios(ours: RateResult, peer: Figure): [wall: number, cpu: number] {
  if ('value' in peer) return [Number.NaN, Number.NaN];
  const cpu = (ours.perCpuSecond ?? Number.NaN) / (peer.perCpuSecond ?? Number.NaN);
  return [ours.perSecond / peer.perSecond, cpu];
}

const isRatio = (value: number): boolean => value > 0 && Number.isFinite(value);

function spreadOf(result: Figure): string {
  if (!('value' in result) || !result.middleHalf) return '';
  const [low, high] = result.middleHalf;
  return `  (half of them ${low.toFixed(2)} to ${high.toFixed(2)})`;
}

const groups = (value: number): string => Math.round(value).toLocaleString('en-US');

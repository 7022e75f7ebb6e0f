/** How the next source is chosen. */
export const STRATEGIES = ['first', 'round-robin', 'fastest', 'weighted'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** What a strategy chooses among. */
export interface Candidates {
  /** Sources that may be tried now, by their places in the list. */
  readonly eligible: readonly number[];
  /** The source that was chosen last; −1 if there was none. */
  readonly last: number;
  readonly weights: readonly number[];
  /** Whether a source is open already and has given rows. */
  isReady(source: number): boolean;
  /** Uniform in [0, 1). */
  random(): number;
}

/** Returns the source to choose; `undefined` if there is none, or if the first row of all decides. */
export function nextByStrategy(strategy: Strategy, candidates: Candidates): number | undefined {
  const { eligible, last, isReady } = candidates;
  switch (strategy) {
    case 'first':
      return eligible.find(isReady) ?? eligible[0];
    case 'round-robin':
      return eligible.find((source) => source > last) ?? eligible[0];
    case 'fastest':
      return eligible.find(isReady);
    case 'weighted':
      return drawn(candidates);
  }
}

function drawn({ eligible, weights, random }: Candidates): number | undefined {
  const sum = eligible.reduce((total, source) => total + weights[source]!, 0);
  let left = random() * sum;
  for (const source of eligible) {
    left -= weights[source]!;
    if (left < 0) return source;
  }
  return eligible.at(-1); // only rounding leads here
}

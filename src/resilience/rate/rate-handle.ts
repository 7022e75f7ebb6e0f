/** Budgets as plain data: may be posted to any thread of the process and opened there. */
export interface RateHandle {
  readonly kind: 'tickloom.rate';
  readonly memory: SharedArrayBuffer;
  /** Calls of one thread that may wait for permits. */
  readonly waitersMax: number;
}

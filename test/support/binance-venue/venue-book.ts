/** The venue's own book: levels as texts, as it sends them. Knows nothing of the code under test. */
export class VenueBook {
  readonly bids = new Map<string, string>();
  readonly asks = new Map<string, string>();
  lastUpdateId = 0;

  /** @param snapshot - As the venue answers it. */
  constructor(snapshot: string) {
    const { lastUpdateId, bids, asks } = JSON.parse(snapshot);
    this.lastUpdateId = lastUpdateId;
    for (const [price, size] of bids) this.bids.set(price, size);
    for (const [price, size] of asks) this.asks.set(price, size);
  }

  /** Applies the data of a `depthUpdate`, unless all of it is in the snapshot. */
  apply({ u, b, a }: DepthData): void {
    if (u <= this.lastUpdateId) return;
    for (const [price, size] of b) put(this.bids, price, size);
    for (const [price, size] of a) put(this.asks, price, size);
    this.lastUpdateId = u;
  }

  /** As it answers for a snapshot: best prices first. All levels, whatever number was asked for. */
  snapshot(times: object): string {
    const sorted = (side: Map<string, string>, sign: number) =>
      [...side].sort(([one], [other]) => sign * (Number(one) - Number(other)));
    const bids = sorted(this.bids, -1);
    const asks = sorted(this.asks, 1);
    return JSON.stringify({ lastUpdateId: this.lastUpdateId, ...times, bids, asks });
  }
}

export interface DepthData {
  readonly u: number;
  readonly b: readonly (readonly [string, string])[];
  readonly a: readonly (readonly [string, string])[];
}

function put(side: Map<string, string>, price: string, size: string): void {
  if (Number(size) === 0) side.delete(price);
  else side.set(price, size);
}

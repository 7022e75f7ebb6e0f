import type { CallGate, CallOptions } from '../../../src/engine/call-gate.js';
import type { ProviderStatus } from '../../../src/providers/contract/market-data-provider.js';
import type { Network } from '../../../src/providers/contract/network.js';
import type { GapNote } from '../../../src/providers/contract/row-writers.js';
import { keepConnected } from '../../../src/providers/network/keep-connected.js';
import type { KeepConnectedOptions } from '../../../src/providers/network/keep-connected-options.js';
import type { Connection } from '../../../src/providers/network/kept-connection.js';
import { silentLogger } from '../../../src/telemetry/logger.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { FakeNetwork } from '../../support/fake-network.js';

/** 2024-01-01, so that instants of the clock are easily read off those of rows. */
export const START_MS = 1_704_067_200_000;

/** What a session of the tests reads: `{ ms, n }` is a row, `{ ack }` an acknowledgement, anything else nothing. */
export interface Message {
  readonly ms?: number;
  readonly n?: number;
  readonly ack?: number;
}

type Written = { readonly gap: GapNote } | { readonly n: number; readonly generation: number };

/**
 * A kept connection over a network in memory, on a virtual clock.
 *
 * @param between - What stands between the connection and that network.
 */
export function keptRig(
  overrides: Partial<KeepConnectedOptions> = {},
  between: (network: FakeNetwork, clock: VirtualClock) => Network = (network) => network,
) {
  const clock = new VirtualClock({ wall: BigInt(START_MS) * 1_000_000n });
  const network = new FakeNetwork(clock);
  const stopping = new AbortController();
  const statuses: string[] = [];
  const written: Written[] = [];
  const calls: CallOptions[] = [];
  const connections: Connection[] = [];
  const room = { isThere: true, tell: () => {} };
  /** What is drawn next; 1 is the longest wait. */
  const chance = { value: 0.5 };
  const gate: CallGate = {
    async call(call, options = {}) {
      calls.push(options);
      options.signal?.throwIfAborted();
      return call(options.signal ?? new AbortController().signal);
    },
  };
  const handle = (connection: Connection, text: string) => {
    const { ms, n, ack }: Message = JSON.parse(text);
    if (ack !== undefined) connection.acknowledge(ack);
    if (n === undefined) return;
    connection.rows(ms ?? Number.NaN);
    written.push({ n, generation: connection.generation });
  };
  const options: KeepConnectedOptions = {
    provider: 'fake',
    context: {
      network: between(network, clock),
      gate,
      clock,
      log: silentLogger,
      random: () => chance.value,
      status: ({ state, reason }: ProviderStatus) => statuses.push(reason ? `${state}: ${reason}` : state),
    },
    writer: {
      gap: (gap) => written.push({ gap }),
      get hasRoom() {
        return room.isThere;
      },
      whenRoom: () =>
        new Promise((resolve) => {
          room.tell = resolve;
        }),
    },
    signal: stopping.signal,
    url: 'wss://fake.test/stream?key=secret',
    session(connection) {
      connections.push(connection);
      return {
        frame: (frame) => handle(connection, frame.text()),
        hasRows: (frame) => frame.text().includes('"n"'),
      };
    },
    ...overrides,
  };
  let outcome: { readonly error?: unknown } | undefined;
  return {
    clock,
    network,
    statuses,
    written,
    calls,
    connections,
    room,
    chance,
    stopping,
    /** How it ended, once it has. */
    get outcome() {
      return outcome;
    },
    get gaps(): GapNote[] {
      return written.flatMap((one) => ('gap' in one ? [one.gap] : []));
    },
    get rows(): number[] {
      return written.flatMap((one) => ('n' in one ? [one.n] : []));
    },
    nowMs: () => Number(clock.wall()) / 1e6,
    async start() {
      keepConnected(options).then(
        () => {
          outcome = {};
        },
        (error: unknown) => {
          outcome = { error };
        },
      );
      await clock.advance(0);
    },
    /** Ends it, and lets what follows from that happen. */
    async stop() {
      stopping.abort();
      await clock.advance(0);
    },
    /** The supplier sends a row with the present as its time, on the last socket. */
    row(n: number, socket = network.last) {
      socket.json({ n, ms: Number(clock.wall()) / 1e6 });
    },
  };
}

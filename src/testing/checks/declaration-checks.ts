import { fetchedFrom } from '../../providers/adapter/stream-backfill.js';
import { STREAM_FUNCTIONS } from '../../providers/adapter/stream-source.js';
import { capabilitiesComplaint } from '../../providers/contract/capability-check.js';
import type { ProviderDefinition } from '../../providers/contract/define-provider.js';
import { feedIssues, historiesOf, streamsOf } from '../../providers/contract/feed-options.js';
import { providerComponent } from '../../registry/provider-component.js';
import { Registry } from '../../registry/registry.js';
import { findNotPlain } from '../../wire/not-plain.js';
import type { ProviderCapabilities } from '../../wire/provider-capabilities.js';
import type { ProviderCheck } from './provider-check.js';

const always = () => undefined;

/** What can be checked of what a provider declares, and of how it is made. */
export function declarationChecks(definition: ProviderDefinition): ProviderCheck[] {
  return [
    {
      id: 'declaration',
      title: 'declares what it is and can do in the form of the contract',
      leftOut: always,
      async run() {
        try {
          new Registry([definition]);
        } catch (error) {
          return [messageOf(error)];
        }
        const complaint = capabilitiesComplaint(definition.capabilities);
        return complaint === undefined ? notFetched(definition.capabilities) : [complaint];
      },
    },
    {
      id: 'options',
      title: 'accepts its options, gives plain data, and refuses an option that it does not have',
      leftOut: always,
      async run({ options: { options = {} } }) {
        const schema = await definition.options();
        const found: string[] = [];
        const parsed = schema.safeParse(options);
        if (!parsed.success) found.push(`refuses its options: ${parsed.error.issues[0]?.message}`);
        const notPlain = parsed.success ? findNotPlain(parsed.data) : undefined;
        if (notPlain)
          found.push(`gives ${notPlain.found} at ${notPlain.path.join('.')}: expected plain data`);
        if (schema.safeParse({ ...options, 'no-such-option': 1 }).success) {
          found.push('accepts an option "no-such-option": expected z.strictObject');
        }
        const own = await providerComponent(definition).options();
        try {
          own.toJSONSchema();
        } catch (error) {
          found.push(messageOf(error));
        }
        return found;
      },
    },
    {
      id: 'symbols',
      title: 'has the symbols that it is checked with, and refuses no spec with them',
      leftOut: always,
      async run({ options: { symbols } }) {
        return feedIssues(definition, { stream: streamsOf(definition.capabilities)[0], symbols })
          .filter(({ path }) => path[0] === 'symbols')
          .map(({ message }) => message);
      },
    },
    {
      id: 'functions',
      title: 'has a function for each kind of rows and each list that it declares',
      leftOut: always,
      async run(rig) {
        const { provider } = await rig.make();
        const { capabilities } = definition;
        const needed = [
          ...streamsOf(capabilities).map((kind) => STREAM_FUNCTIONS[kind]),
          ...historiesOf(capabilities).map((kind) =>
            kind === 'bars' ? 'historicalBars' : 'historicalTicks',
          ),
          ...(capabilities.optionsChain ? ['optionsChain'] : []),
          ...(capabilities.instruments ? ['instruments'] : []),
        ];
        const own = provider as unknown as Readonly<Record<string, unknown>>;
        return [...new Set(needed)]
          .filter((name) => typeof own[name] !== 'function')
          .map((name) => `has no function "${name}"`);
      },
    },
    {
      id: 'made-quietly',
      title: 'calls nobody and sets no timer when it is made',
      leftOut: always,
      async run(rig) {
        const before = rig.timersPending;
        const { gate, statuses } = await rig.make();
        await rig.within(new Promise<never>(() => {}), 0);
        const found: string[] = [];
        if (gate.calls > 0) found.push(`called its gate ${gate.calls} times`);
        if (statuses.length > 0) found.push(`told of its connection: ${statuses[0]?.state}`);
        if (rig.timersPending !== before) found.push('set a timer');
        return found;
      },
    },
  ];
}

/** The message of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Streams whose missing rows cannot be fetched, although they say so. */
function notFetched(capabilities: ProviderCapabilities): string[] {
  const { streams = {} } = capabilities;
  return (['trades', 'bars'] as const).flatMap((kind) => {
    const of = streams[kind];
    if (of?.delivery !== 'resumable') return [];
    const found = fetchedFrom(kind, capabilities, { symbols: [], interval: of.intervals?.[0] });
    const missing = `columns, numbers of the same space, and intervals`;
    return found ? [] : [`streams.${kind} is resumable: expected a history of ${kind} with its ${missing}`];
  });
}

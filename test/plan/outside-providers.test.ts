import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import { InvalidSpecError } from '../../src/core/errors.js';
import { instantiate } from '../../src/plan/instantiate.js';
import { loadCatalogue } from '../../src/plan/load-catalogue.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { catalogueJsonSchema, factsOf } from '../../src/plan/spec-json-schema.js';
import { readDeclaration } from '../../src/plan/user-code/read-answer.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { secretsOfSpec } from '../../src/wire/stages-of-spec.js';
import { askedHere } from '../support/asked-here.js';

const MODULE = 'test/plan/outside/venue.mjs';
const SOURCE = {
  use: 'outside-venue',
  history: 'trades',
  symbols: ['BTC-USD'],
  from: '2024-01-01T00:00:00Z',
  to: '2024-01-02T00:00:00Z',
  apiKey: 'example-key-0001',
};

async function catalogueOf() {
  const { catalogue, problems } = await loadCatalogue([MODULE], askedHere);
  expect(problems).toEqual([]);
  return catalogue;
}

async function resolve(source: object) {
  const spec = { name: 'provided', source: { ...SOURCE, ...source }, sink: { use: 'null' } };
  return resolveWithFiles(spec, { catalogue: await catalogueOf(), userCode: askedHere });
}

describe('a provider from outside of the package', () => {
  it('is planned away from home and run by what its module declares', async () => {
    const { resolved, outputs } = await resolve({});
    expect(resolved.source).toMatchObject({
      use: 'outside-venue',
      options: { history: 'trades', symbols: ['BTC-USD'], url: 'https://venue' },
      mayChange: ['url', 'capture'],
      runsUserCode: true,
      loads: 'javascript',
    });
    expect(outputs.get('source')?.columns.map(({ name }) => name)).toEqual([
      'time',
      'symbol',
      'price',
      'size',
    ]);
    const counters = new Counters();
    const pipeline = await instantiate(resolved, { clock: systemClock, log: silentLogger, counters });
    expect(await pipeline.run()).toMatchObject({ outcome: 'completed' });
    expect(counters.read().rowsIn).toBe(6);
  });

  it('has its options refused with their paths, those of every provider and its own', async () => {
    const error = await resolve({ history: 'bars', apiKey: 'short', pages: 3 }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidSpecError);
    expect(
      (error as InvalidSpecError).problems.map(({ path, message }) => `${path.join('.')}: ${message}`),
    ).toEqual([
      'source.history: expected what "outside-venue" has a history of: trades, found "bars"',
      'source.apiKey: expected a key of 8 characters or more, found a text',
      'source.pages: there is no such option',
    ]);
  });

  it('has its secret options known before its code is', async () => {
    const { resolved } = await resolve({});
    expect(secretsOfSpec(resolved)).toEqual(['example-key-0001']);
  });

  it('is told of with its capabilities, and is in the schema of a spec with all of its options', async () => {
    const catalogue = await catalogueOf();
    const told = (await factsOf(catalogue)).find(({ name }) => name === 'outside-venue');
    expect(told).toMatchObject({
      kind: 'source',
      module: MODULE,
      provider: { contract: 1, capabilities: { assetClasses: ['crypto'] } },
    });
    const schema = JSON.stringify(await catalogueJsonSchema(catalogue));
    expect(schema).toContain('Kind of rows that \\"outside-venue\\" streams');
    expect(told?.options).toMatchObject({
      required: ['symbols', 'apiKey'],
      properties: { stream: { enum: ['trades'] }, apiKey: { writeOnly: true } },
    });
  });

  it('is refused if what its thread answers is no declaration of a provider', () => {
    const answer = (provider: object) => {
      const component = {
        kind: 'source',
        name: 'odd',
        summary: 's',
        loads: 'javascript',
        mayChange: [],
        options: {},
      };
      return () => readDeclaration(JSON.stringify({ components: [{ ...component, provider }] }));
    };
    expect(answer({ contract: 1, capabilities: {} })).toThrow('capabilities.assetClasses');
    expect(answer({ contract: 2, capabilities: { assetClasses: ['fx'], history: { trades: {} } } })).toThrow(
      'a provider "odd" of another contract',
    );
    expect(
      answer({ contract: 1, capabilities: { assetClasses: ['fx'], history: { trades: {} } } }),
    ).not.toThrow();
  });
});

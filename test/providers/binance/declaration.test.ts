import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { validate } from '../../../src/cli/commands/validate.js';
import { uncheckedSpec } from '../../../src/plan/typed-spec.js';
import providers from '../../../src/providers/binance/component.js';
import { createPipeline } from '../../../src/runtime/pipeline-builder.js';
import { secretsOf } from '../../../src/settings/secret-options.js';
import { called } from '../../support/called-command.js';

const problemsOf = async (source: object): Promise<string> => {
  const spec = uncheckedSpec({
    name: 'x',
    source: { use: 'binance-spot', symbols: ['BTCUSDT'], ...source },
    sink: { use: 'null' },
  });
  try {
    await createPipeline(spec).build();
    return 'none';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('the declarations of the Binance providers', () => {
  it('mark the API key as a secret, in each of them', async () => {
    for (const provider of providers) {
      const schema = await provider.options();
      expect(secretsOf(schema, { apiKey: 'a-key-of-a-user' })).toEqual(['a-key-of-a-user']);
    }
  });

  it('let a spec use them without a line of registration, and refuse what they lack at its place', async () => {
    expect(await problemsOf({ stream: 'trades' })).toBe('none');
    expect(await problemsOf({ stream: 'bars', interval: '1s' })).toBe('none');
    expect(await problemsOf({ use: 'binance-usdm', stream: 'bars', interval: '1s' })).toContain(
      'source.interval: expected an interval of "binance-usdm": 1m, 3m, 5m, 15m',
    );
    expect(await problemsOf({ use: 'binance-usdm-agg', stream: 'quotes' })).toContain(
      'source.stream: expected what "binance-usdm-agg" streams: trades, bars, found "quotes"',
    );
    expect(await problemsOf({ stream: 'book', bookLevels: 7 })).toContain(
      'source.bookLevels: expected 100, 500, 1000, 5000, found 7',
    );
    expect(await problemsOf({ stream: 'trades', streamUrl: 'https://x.test' })).toContain(
      'source.streamUrl: expected a URL with wss',
    );
  });

  it.each(['restUrl', 'streamUrl'])('refuse a %s with a user, a query or a fragment', async (option) => {
    const scheme = option === 'restUrl' ? 'https' : 'wss';
    for (const url of [
      '//x.test?key=do-not-show',
      '//x.test/#do-not-show',
      '//do-not-show@x.test',
      '//x.test?',
    ]) {
      const problems = await problemsOf({ stream: 'trades', [option]: `${scheme}:${url}` });
      expect(problems).toContain(`source.${option}: expected a URL without user, query and fragment`);
      expect(problems).not.toContain('do-not-show');
    }
    expect(await problemsOf({ stream: 'trades', [option]: `${scheme}://x.test:9443/proxy/` })).toBe('none');
  });

  it('have a valid example', async () => {
    const path = fileURLToPath(new URL('../../../examples/binance.yaml', import.meta.url));
    const { code, err } = await called((terminal) => validate([path], { set: [] }, terminal));
    expect(err).toBe('');
    expect(code).toBe(0);
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPackageField } from '../../src/plan/discovery/package-field.js';
import { checkProvider } from '../../src/testing/check-provider.js';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { ASSET_CLASSES } from '../../src/wire/provider-capabilities.js';

const guide = readFileSync('docs/providers.md', 'utf8');

describe('the provider guide', () => {
  it('lists every check, and no other', async () => {
    const price = { symbol: 'A', price: 1, timeMs: 1_700_000_000_000 };
    const provider = fakeProvider({ trades: [{ trade: price }], history: { trades: [price] } });
    const { checks } = await checkProvider(provider, { symbols: ['A'], clock: new VirtualClock() });
    const ids = new Set(checks.map(({ id }) => id.split(':')[0]));
    const table = guide.slice(guide.indexOf('| check | what holds |'), guide.indexOf('Not checked:'));
    const listed = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, id]) => id);
    expect(listed).toEqual([...ids]);
  });

  it('shows a field of package.json that is accepted, and all asset classes', () => {
    const [, json = ''] = /```json\n([\s\S]*?)```/.exec(guide) ?? [];
    const { tickloom } = JSON.parse(json) as { readonly tickloom: unknown };
    expect(readPackageField(tickloom)).toEqual({
      components: './component.js',
      names: [{ kind: 'source', name: 'kraken' }],
    });
    for (const one of ASSET_CLASSES) expect(guide).toContain(`\`${one}\``);
  });
});

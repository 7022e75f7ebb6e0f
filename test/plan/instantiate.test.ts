import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import { instantiate } from '../../src/plan/instantiate.js';
import { resolveSpec } from '../../src/runtime/resolve-spec.js';
import { Counters } from '../../src/shared-memory/counters.js';
import { silentLogger } from '../../src/telemetry/logger.js';

const environment = { clock: systemClock, log: silentLogger, counters: new Counters() };

describe('a pipeline of a spec that was sound when it was checked', () => {
  it('is refused if a plan finds a problem now, and the source is not created', async () => {
    let isGone = false;
    let created = 0;
    const source: SourceFactory<unknown> = {
      plan(_options, problems) {
        if (isGone) problems.add(['path'], 'expected a file, found none');
        return { kind: 'custom', columns: [{ name: 'n', type: 'int32' }] };
      },
      create() {
        created++;
        throw new TypeError('its plan was not looked at');
      },
    };
    const spec = { name: 'changed', source: { use: 'synthetic' }, sink: { use: 'null' } } as const;
    const resolved = await resolveSpec(spec, { source });
    isGone = true;
    await expect(instantiate(resolved, { ...environment, overrides: { source } })).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      problems: [{ path: ['source', 'path'], message: 'expected a file, found none' }],
    });
    expect(created).toBe(0);
  });
});

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generatedSession } from '../../support/binance/generated-session.js';
import { BinanceVenue } from '../../support/binance-venue/venue.js';
import { venuePipeline } from '../../support/binance-venue/venue-pipeline.js';

const folder = mkdtempSync(join(tmpdir(), 'tickloom-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FAULTS = [{ at: 1_500, what: 'drop', missing: 100 }] as const;

describe('a session of Binance that was captured', () => {
  it.each([
    ['spot', 'trades'],
    ['usdm', 'quotes'],
    ['spot', 'book'],
    ['usdm', 'book'],
  ] as const)(
    'gives the same rows when it is played back, without the venue: %s %s',
    async (market, stream) => {
      const capture = join(folder, `${market}-${stream}`);
      const venue = await BinanceVenue.start({ session: generatedSession(market, 3_000), faults: FAULTS });
      const live = venuePipeline(venue, { stream, capture });
      expect(await live.playThrough()).toMatchObject({ outcome: 'completed' });
      const [file] = readdirSync(capture) as [string];
      const again = venuePipeline(venue, { stream, replay: { capture: join(capture, file) } });
      await venue.close();

      expect(await again.pipeline.run()).toMatchObject({ outcome: 'completed' });
      expect(live.rows().length).toBeGreaterThan(600);
      expect(again.rows()).toEqual(live.rows());
    },
  );
});

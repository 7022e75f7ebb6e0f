// Two made-up venues with the same instruments: what they send follows a script, and nobody is called.
// @ts-check
import { defineProvider } from 'tickloom/stages';

/** @param {string} name @param {string} where */
const venue = (name, where) =>
  defineProvider({
    name,
    summary: `Quotes of a made-up venue in the ${where}, by a script.`,
    contract: 1,
    capabilities: {
      assetClasses: ['crypto'],
      streams: { quotes: { delivery: 'live-only', columns: ['bidSize', 'askSize'] } },
      instruments: true,
      rates: [{ scope: 'rest', permits: 40, perMs: 1_000 }],
      calendars: { crypto: '24/7' },
    },
    options: async () => (await import('./options.mjs')).Options,
    load: async () => (await import('./venue.mjs')).createVenue,
  });

export default [venue('north-venue', 'north'), venue('south-venue', 'south')];

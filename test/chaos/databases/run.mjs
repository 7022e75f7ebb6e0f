// Kills threads, children, the parent and the server, and cuts connections, while jobs write into PostgreSQL and DuckDB,
// and compares the tables with those of an undisturbed run: npm run -s chaos:databases -- --rounds 200 --seed 1

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { chance } from '../recorded/chance.mjs';
import { compareTables } from './compare-tables.mjs';
import { startProxy } from './cutting-proxy.mjs';
import { newTally, runRound, runUndisturbed } from './database-round.mjs';
import { serverPrograms, startServer } from './own-server.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 100_000) },
    'checkpoint-ms': { type: 'string', default: '50' },
    folder: { type: 'string' },
  },
});
/** Rows a second of each source, by turns: that kills come early, late, and at the end. */
const RATES = [1_500, 3_000, 6_000];
const say = (text) => void process.stdout.write(`${text}\n`);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

const programs = serverPrograms();
if (programs === undefined) {
  say('NOT RUN: there are no programs of a PostgreSQL server (initdb, pg_ctl) on this machine');
  process.exit(0);
}

const [seed, rounds] = [Number(values.seed), Number(values.rounds)];
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'tickloom-chaos-'));
say(`seed ${seed}, ${rounds} rounds, in ${folder}`);
const server = await startServer(programs, folder);
const proxy = await startProxy(server.port, chance(seed));

async function inServer(sql) {
  const client = new pg.Client(server.connection);
  await client.connect();
  await client.query(sql);
  await client.end();
}

async function placeOf(name, port) {
  const place = { connection: { ...server.connection, port }, schema: name, folder: join(folder, name) };
  mkdirSync(place.folder);
  await inServer(`CREATE SCHEMA ${name}`);
  return {
    ...place,
    checkpoints: join(place.folder, 'checkpoints'),
    everyMs: Number(values['checkpoint-ms']),
  };
}

/** Where the rows are, without the proxy. */
const directly = (place) => ({ ...place, connection: server.connection });

const began = performance.now();
const tally = newTally();
const undisturbed = await placeOf('undisturbed', server.port);
await runUndisturbed(undisturbed);
say(`the undisturbed run took ${Math.round(performance.now() - began)} ms`);

let [rows, round] = [0, 0];
const problems = [];
while (round < rounds && problems.length === 0) {
  round++;
  const place = await placeOf(`round_${round}`, proxy.port);
  const rate = RATES[round % RATES.length];
  say(`round ${round}: ${rate} rows a second`);
  const wrong = await runRound({ ...place, rate }, { seed: seed * 1_000 + round, server, proxy }, tally, say);
  const compared = await compareTables(undisturbed, directly(place));
  rows += compared.rows;
  problems.push(...[...wrong, ...compared.problems].map((text) => `round ${round}: ${text}`));
  say(`  ${compared.rows} rows compared, ${Math.round((performance.now() - began) / 1_000)} s`);
  if (problems.length > 0) break;
  await inServer(`DROP SCHEMA round_${round} CASCADE`);
  rmSync(place.folder, { recursive: true });
}
proxy.close();

const { child = 0, ...ways } = tally.lost;
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
const parts = (counts, word) => Object.entries(counts).map(([kind, count]) => [`  ${word} ${kind}`, count]);
const figures = {
  seed,
  rounds: round,
  'kills of the parent while jobs ran': tally.parents,
  'kills of the parent before': tally.parentsAtStart,
  'kills of children that ended a run': child,
  'kills of threads that ended a run': sum(ways),
  ...Object.fromEntries(parts(ways, 'by')),
  'kills of the server': tally.servers,
  'connections that were cut': sum(proxy.cuts),
  ...Object.fromEntries(parts(proxy.cuts, 'cut')),
  'runs that failed otherwise, and were restarted': tally.restarts,
  'starts of the parent': tally.starts,
  'highest epoch of a run': tally.epochMax,
  'rows compared': rows,
  differences: problems.length,
  seconds: Math.round((performance.now() - began) / 1_000),
};
for (const [name, value] of Object.entries(figures)) say(`${name.padEnd(48)} ${value}`);
if (problems.length > 0) {
  for (const problem of problems) say(`DIFFERENCE: ${problem}`);
  say(`kept: ${folder}`);
  process.exitCode = 1;
} else if (values.folder === undefined) process.once('exit', () => rmSync(folder, { recursive: true }));

// Writes trades.csv.gz: a day of trades that nobody made, the same on every machine.
// node examples/data/make-trades.mjs
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const ROWS = 30_000;
const OPEN_MS = Date.UTC(2024, 2, 1, 14, 30);
const DAY_MS = 6.5 * 3_600_000;
const symbols = [
  { name: 'ACME', cents: 18_250 },
  { name: 'GLOBEX', cents: 9_410 },
  { name: 'INITECH', cents: 4_305 },
  { name: 'UMBRELLA', cents: 61_780 },
];

const random = mulberry32(20_240_301);
const lines = ['timestamp,symbol,price,size,side'];
let elapsedMs = 0;
for (let row = 0; row < ROWS; row++) {
  elapsedMs += Math.floor(((random() * 2 * DAY_MS) / ROWS) * 0.99);
  const symbol = symbols[Math.floor(random() * symbols.length)];
  symbol.cents += Math.floor(random() * 5) - 2;
  const size = (1 + Math.floor(random() * random() * 40)) * 5;
  const side = random() < 0.5 ? 'buy' : 'sell';
  const price = (symbol.cents / 100).toFixed(2);
  lines.push(`${OPEN_MS + elapsedMs},${symbol.name},${price},${size},${side}`);
}
const path = new URL('trades.csv.gz', import.meta.url);
writeFileSync(path, gzipSync(`${lines.join('\n')}\n`, { level: 9 }));
console.log(`${ROWS} trades in ${path.pathname}`);

/** Tommy Ettinger's generator of 32 bits; public domain. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

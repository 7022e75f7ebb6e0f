// Adds a source without its doc comments to the public API, in memory, and expects each to be found missing.
import { loadTypeScript, missingDocs, readProgram } from './doc-comments.mjs';

const PROBE = 'src/zz-probe.ts';
/** Each with what is said of it; those without a text have all they need. */
const PROBES = [
  ['export function bare(): void {}', 'bare has no doc comment'],
  ['/** Said. */\nexport function said(): void {}'],
  ['export const bareArrow = (name: string): string => name;', 'bareArrow has no doc comment'],
  ['export interface Bare {}', 'Bare has no doc comment'],
  ["export type BareUnion = 'a' | 'b';", 'BareUnion has no doc comment'],
  ['export class BareClass {}', 'BareClass has no doc comment'],
  [
    '/** Said. */\nexport class Methods { bare(): void {} #own(): void { this.#own(); } }',
    'Methods.bare has no doc comment',
  ],
  [
    '/** Said. */\nexport class Own {\n/** @internal */\nbare(wait: number): void { wait; } private other(): void {} }',
  ],
  ['/** Said. */\nexport interface Signatures { bare(): void }', 'Signatures.bare has no doc comment'],
  ['/** Said. */\nexport class Heir implements Heard { hear(): void {} }'],
  ['/** Said. */\nexport interface Heard {\n/** Said. */\nhear(): void }'],
  [
    '/** Said. */\nexport interface Times { readonly delay: number }',
    'Times.delay is a number without a unit',
  ],
  [
    '/** Said. */\nexport interface Maybe { readonly delay?: bigint | undefined }',
    'Maybe.delay is a number without a unit',
  ],
  ['/** Said. */\nexport interface Named { readonly delayMs: number; readonly rowsMax: number }'],
  ['/** Said. */\nexport interface Told {\n/** Milliseconds. */\nreadonly delay: number }'],
  [
    '/** Said. */\nexport interface Vague {\n/** How long. */\nreadonly delay: number }',
    'Vague.delay is a number without a unit',
  ],
  [
    '/** Said. */\nexport interface Aside {\n/** How long until its rows are late. */\nreadonly delay: number }',
    'Aside.delay is a number without a unit',
  ],
  [
    '/** Said. */\nexport interface Ambiguous { readonly rate: number; readonly lineDelay: number; readonly size: number }',
    'Ambiguous.rate is a number without a unit',
    'Ambiguous.lineDelay is a number without a unit',
    'Ambiguous.size is a number without a unit',
  ],
  ['/** Said. */\nexport interface Counts {\n/** Rows that wait. */\nreadonly size: number }'],
  [
    '/** Waits some ms. */\nexport function waitThen(time: number): void { time; }',
    'waitThen(time) is a number without a unit',
  ],
  [
    '/**\n * Said.\n * @param timeMax - In ms.\n */\nexport function waitMost(time: number, timeMax: number): void { time; timeMax; }',
    'waitMost(time) is a number without a unit',
  ],
  [
    '/** Said. */\nexport type Inner = { readonly at: { readonly delay: number } };',
    'Inner.at.delay is a number without a unit',
  ],
  [
    '/** Said. */\nexport function wait(time: number): void { time; }',
    'wait(time) is a number without a unit',
  ],
  ['/**\n * Said.\n * @param time - In ms.\n */\nexport function waitFor(time: number): void { time; }'],
  [
    '/** Said. */\nexport function waited(): number { return 0; }',
    'waited() returns a number without a unit',
  ],
  [
    "/** Said. */\nexport function refuses(): void { throw new PipelineError('INTERNAL', ''); }",
    'refuses throws PipelineError',
  ],
  [
    "/** Said. */\nexport class Made { constructor() { throw new PipelineError('INTERNAL', ''); } }",
    'new Made throws PipelineError',
  ],
  [
    "/** Said. */\nexport function later(): () => void { return () => { throw new PipelineError('INTERNAL', ''); }; }",
  ],
  [
    "/**\n * Said.\n * @throws {PipelineError} always.\n */\nexport function warns(): void { throw new PipelineError('INTERNAL', ''); }",
  ],
  ["/** Said. */\nexport function fails(): void { throw new TypeError(''); }"],
];

const ts = loadTypeScript();
const text = ["import { PipelineError } from './core/errors.js';", ...PROBES.map(([code]) => code)].join(
  '\n',
);
const found = missingDocs(ts, readProgram(ts, { [PROBE]: text }), [PROBE]);

let wrong = 0;
const expected = PROBES.flatMap(([, ...what]) => what);
for (const what of expected) {
  if (found.some((line) => line.includes(`: ${what}`))) continue;
  wrong++;
  console.error(`not found: ${what}`);
}
for (const line of found) {
  if (expected.some((what) => line.includes(`: ${what}`))) continue;
  wrong++;
  console.error(`found, though nothing is missing: ${line}`);
}
console.log(wrong === 0 ? `all ${expected.length} were found` : `${wrong} were taken wrongly`);
process.exitCode = wrong === 0 ? 0 : 1;

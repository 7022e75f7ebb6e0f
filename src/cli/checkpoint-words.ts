import type { KeyView } from '../checkpoints/inspect-store.js';
import { type PlacedSink, titleOf } from '../checkpoints/sink-positions.js';
import type { PlainData } from '../core/plain-data.js';
import { redact, redactData } from '../core/redact.js';
import { cutList, cutText } from '../core/shown-text.js';
import { componentIn } from '../plan/spec-fingerprint.js';
import { builtIn } from '../registry/built-in.js';
import type { Checkpoint } from '../wire/checkpoint.js';
import { LIVENESS_TEXT } from './describe-runs.js';
import { formatBytes, formatCount } from './figures.js';

/** Characters of a position that is shown as it is. */
const POSITION_CHARS_MAX = 200;
const FILES_SHOWN = 5;

const SOURCE_NAMES = builtIn
  .all()
  .filter(({ kind }) => kind === 'source')
  .map(({ name }) => name);

/** Who has claimed a key, and whether they are alive. */
export function claimantText({ claim, owner }: Pick<KeyView, 'claim' | 'owner'>): string {
  if (!claim) return 'nobody can tell: the claim is damaged';
  if (!claim.thread)
    return `a process on "${claim.owner.host}" of an earlier release, which did not say its id`;
  return `process ${claim.thread.pid} on "${claim.thread.host}", which ${LIVENESS_TEXT[owner]}`;
}

/** What the next start of a key does. */
export function stateText(checkpoint: Checkpoint | undefined): string {
  if (!checkpoint) return 'begins a new run';
  if (checkpoint.isReset) return 'was reset: begins anew';
  if (!checkpoint.ended) return 'goes on';
  const { how, isPublished } = checkpoint.ended;
  return isPublished ? `${how}: begins a new run` : `${how}: publishes the last rows`;
}

export function ageText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** Where the source of a checkpoint is, in words where it comes with the package. */
export function sourceText(checkpoint: Checkpoint): string {
  const { states, spec, counters } = checkpoint;
  if (states.source === undefined) return 'at its beginning';
  const rows = `${formatCount(counters.rowsIn)} rows read`;
  const use = componentIn(spec, 'source', SOURCE_NAMES);
  return `${use ?? 'a source of your own'}: ${positionText(use, states.source)}; ${rows}`;
}

function positionText(use: string | undefined, position: PlainData): string {
  const fields = fieldsOf(position);
  if (use === 'synthetic' && typeof fields.row === 'number') return `row ${formatCount(fields.row)}`;
  if (use === 'topic')
    return fields.latest === null ? 'before its first row' : `row ${String(fields.latest)}`;
  if (use === 'merge') return cutList(Object.keys(fieldsOf(fields.inputs)), FILES_SHOWN);
  if (use === 'router') return `reads ${String(fields.current ?? 'none of its sources')}`;
  if (use === 'replay' && Array.isArray(fields.open)) {
    const open = fields.open.map((file) => inFileText(fieldsOf(file)));
    return `${formatCount(Number(fields.begun))} files begun, ${open.length > 0 ? cutList(open, FILES_SHOWN) : 'none open'}`;
  }
  if (use === 'replay' && typeof fields.path === 'string') return inFileText(fields);
  return cutText(JSON.stringify(redactData(position), plainly), POSITION_CHARS_MAX);
}

function inFileText({ path, line, skip, left }: Readonly<Record<string, unknown>>): string {
  const name = redact(String(path));
  if (left !== undefined) return `"${name}" backwards, ${left === null ? 'all' : String(left)} rows left`;
  return `"${name}" line ${String(line)}${skip ? ` and ${String(skip)} rows` : ''}`;
}

/** What a sink has of a run, as lines. */
export function sinkLines(sink: PlacedSink): readonly string[] {
  const title = titleOf(sink);
  switch (sink.position.kind) {
    case 'parts': {
      const { run, epoch, published, staged, open } = sink.position.parts;
      const lines = [`${title}: run ${run}, epoch ${epoch}, ${countText(published, 'part')} published`];
      if (staged.length > 0) lines.push(`  to be published: ${filesText(staged)}`);
      if (open) lines.push(`  not complete: ${filesText(open.files)}`);
      return lines;
    }
    case 'file': {
      const { run, epoch, bytes, published } = sink.position.file;
      const state = published ? 'published' : 'not published yet';
      return [`${title}: run ${run}, epoch ${epoch}, ${formatBytes(bytes)}, ${state}`];
    }
    case 'nothing':
      return [`${title}: keeps no rows`];
    case 'other':
      return [`${title}: says nothing that Tickloom can read`];
  }
}

export const countText = (count: number, what: string): string =>
  `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;

const filesText = (files: readonly { readonly name: string; readonly bytes: number }[]): string =>
  cutList(
    files.map(({ name, bytes }) => `${name} (${formatBytes(bytes)})`),
    FILES_SHOWN,
  );

/** Values that JSON does not have. */
export function plainly(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

const fieldsOf = (data: unknown): Readonly<Record<string, unknown>> =>
  typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};

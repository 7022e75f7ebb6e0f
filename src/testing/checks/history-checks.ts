import type { PlainData } from '../../core/plain-data.js';
import { isCancellation } from '../../core/provider-error-kind.js';
import type { HistoryKind } from '../../wire/provider-capabilities.js';
import { type CheckRig, type HistoryPage, type Outcome, rowsIn, type Written } from '../check-rig.js';
import { messageOf } from './declaration-checks.js';
import { PageCursors } from './page-cursors.js';
import type { ProviderCheck } from './provider-check.js';
import { rowFindings } from './row-checks.js';
import { connected } from './stream-checks.js';

/** What can be checked of a history of a kind. */
export function historyChecks(kind: HistoryKind): ProviderCheck[] {
  const leftOut = ({ options }: CheckRig) => (options.history ? undefined : 'no span "history" was given');
  return [
    {
      id: `history-rows:${kind}`,
      title: `has a history of ${kind} within the span asked for, in order, to its end`,
      leftOut,
      run: (rig) => checkHistory(rig, kind),
    },
    {
      id: `history-again:${kind}`,
      title: `gives the same ${kind} for the same cursor`,
      leftOut,
      run: (rig) => checkAgain(rig, kind),
    },
    {
      id: `history-end:${kind}`,
      title: `ends a call for ${kind} soon once it is told to`,
      leftOut,
      run: (rig) => checkHistoryEnd(rig, kind),
    },
    {
      id: `history-gate:${kind}`,
      title: `takes its calls for a history of ${kind} to the gate, and gives no page while that is shut`,
      leftOut,
      run: (rig) => checkHistoryGate(rig, kind),
    },
    {
      id: `history-retry:${kind}`,
      title: `gives the same ${kind} where the gate makes a call again`,
      leftOut,
      run: (rig) => checkRetry(rig, kind),
    },
  ];
}

async function checkHistory(rig: CheckRig, kind: HistoryKind): Promise<string[]> {
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return stopped;
  const { fromMs, toMs } = rig.span();
  const found: string[] = [];
  for (const symbol of rig.options.symbols) {
    const written: Written[] = [];
    const cursors = new PageCursors(rig.options.pagesMax);
    let cursor: PlainData = null;
    do {
      const page: Outcome<HistoryPage> = await rig.within(
        rig.page(kind, checked, symbol, cursor),
        rig.options.waitMs,
      );
      if (page.how !== 'resolved') return [...found, said(page, `no page within ${rig.options.waitMs} ms`)];
      written.push(...page.value.written);
      cursor = page.value.next;
      const complaint = cursors.complaint(cursor);
      if (complaint !== undefined) return [...found, complaint];
    } while (cursor !== null);
    if (rowsIn(written).length === 0) found.push(`expected rows of "${symbol}" in the span, found none`);
    const span = { from: BigInt(fromMs) * 1_000_000n, to: BigInt(toMs) * 1_000_000n };
    const { sequence } = rig.capabilities.history?.[kind] ?? {};
    found.push(...rowFindings(written, { kind, symbols: [symbol], sequence, ...span }));
  }
  return found;
}

async function checkAgain(rig: CheckRig, kind: HistoryKind): Promise<string[]> {
  const first = await firstPages(rig, kind);
  if ('found' in first) return first.found;
  const again = await firstPages(rig, kind);
  if ('found' in again) return again.found;
  return again.pages === first.pages ? [] : ['gave other rows or another cursor for the same cursor'];
}

async function checkRetry(rig: CheckRig, kind: HistoryKind): Promise<string[]> {
  const first = await firstPages(rig, kind);
  if ('found' in first) return first.found;
  const again = await firstPages(rig, kind, { losesAnswers: true });
  if ('found' in again) return again.found;
  return again.pages === first.pages
    ? []
    : [`gave other rows or another cursor where its gate made the call again: ${AFTER_THE_GATE}`];
}

/** What to do about rows or items that come twice. */
export const AFTER_THE_GATE = 'write only after gate.call has resolved';

/** The first page and the second, as a text to compare. */
async function firstPages(
  rig: CheckRig,
  kind: HistoryKind,
  { losesAnswers = false } = {},
): Promise<{ readonly pages: string } | { readonly found: string[] }> {
  const symbol = rig.options.symbols[0]!;
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return { found: stopped };
  checked.gate.losesAnswers = losesAnswers;
  const first = await rig.within(rig.page(kind, checked, symbol, null), rig.options.waitMs);
  if (first.how !== 'resolved') return { found: [said(first, 'no first page')] };
  const { next } = first.value;
  const pages = [given(first.value)];
  if (next !== null) {
    // As it comes back out of a checkpoint.
    const cursor = JSON.parse(JSON.stringify(next)) as PlainData;
    const second = await rig.within(rig.page(kind, checked, symbol, cursor), rig.options.waitMs);
    if (second.how !== 'resolved') return { found: [said(second, 'no second page')] };
    pages.push(given(second.value));
  }
  return {
    pages: JSON.stringify(pages, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  };
}

/** What has to be the same each time. A record may have the time at which it was received. */
const given = ({ written, next }: HistoryPage) => ({ rows: rowsIn(written), next });

async function checkHistoryEnd(rig: CheckRig, kind: HistoryKind): Promise<string[]> {
  const { graceMs, symbols } = rig.options;
  const found = new Set<string>();
  // Told before the call, and while it waits for the gate.
  for (const isBefore of [true, false]) {
    const checked = await rig.make();
    const stopped = await connected(rig, checked.provider);
    if (stopped) return stopped;
    checked.gate.isShut = !isBefore;
    const stopping = rig.stopping();
    if (isBefore) stopping.abort();
    const page = rig.page(kind, checked, symbols[0]!, null, stopping.signal);
    page.catch(() => {}); // who looks at it is told
    if (!isBefore) stopping.abort();
    const end = await rig.within(page, graceMs);
    if (end.how === 'pending') found.add(`goes on ${graceMs} ms after its signal has aborted`);
    if (end.how === 'resolved') found.add('expected the reason of its signal, found a page');
    if (end.how === 'rejected' && !isCancellation(end.error)) {
      found.add(`expected the reason of its signal, found ${messageOf(end.error)}`);
    }
  }
  return [...found];
}

async function checkHistoryGate(rig: CheckRig, kind: HistoryKind): Promise<string[]> {
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return stopped;
  const { gate } = checked;
  gate.isShut = true;
  const before = gate.calls;
  const stopping = rig.stopping();
  const page = rig.page(kind, checked, rig.options.symbols[0]!, null, stopping.signal);
  page.catch(() => {}); // who looks at it is told
  const answer = await rig.within(page, rig.options.watchMs);
  const found: string[] = [];
  if (answer.how === 'resolved') found.push('gave a page although its gate has let no call through');
  if (answer.how === 'rejected') {
    found.push(`failed while its gate let no call through: ${messageOf(answer.error)}`);
  }
  if (gate.calls === before) found.push('took no call to its gate');
  stopping.abort(); // how it ends then is checked by `history-end`
  await rig.within(page, rig.options.graceMs);
  return found;
}

/** The error of a call that has failed, or else what is wrong. */
export const said = (
  outcome: { readonly how: string; readonly error?: unknown },
  otherwise: string,
): string => (outcome.how === 'rejected' ? `failed: ${messageOf(outcome.error)}` : otherwise);

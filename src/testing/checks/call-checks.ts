import type { PlainData } from '../../core/plain-data.js';
import { providerErrorKind } from '../../core/provider-error-kind.js';
import { historiesOf, streamsOf } from '../../providers/contract/feed-options.js';
import type { Page } from '../../providers/contract/market-data-provider.js';
import type { ProviderCapabilities } from '../../wire/provider-capabilities.js';
import type { Checked, CheckRig } from '../check-rig.js';
import { messageOf } from './declaration-checks.js';
import { AFTER_THE_GATE, historyChecks, said } from './history-checks.js';
import { PageCursors } from './page-cursors.js';
import type { ProviderCheck } from './provider-check.js';
import { connected } from './stream-checks.js';

/** What can be checked of calls that give pages, of errors, and of the end. */
export function callChecks(capabilities: ProviderCapabilities): ProviderCheck[] {
  return [
    ...historiesOf(capabilities).flatMap(historyChecks),
    {
      id: 'instruments',
      title: 'lists its instruments, those of the symbols among them, page by page',
      leftOut: () => (capabilities.instruments ? undefined : 'it declares no instruments'),
      run: checkInstruments,
    },
    {
      id: 'options-chain',
      title: 'lists the options on an underlying, page by page',
      leftOut: ({ options: { underlying } }) =>
        capabilities.optionsChain
          ? underlying === undefined
            ? 'no "underlying" was given'
            : undefined
          : 'it declares no options chain',
      run: checkChain,
    },
    {
      id: 'errors',
      title: 'fails with an error of the right kind where its options are wrong',
      leftOut: ({ options: { wrongOptions = [] } }) =>
        wrongOptions.length > 0 ? undefined : 'no "wrongOptions" were given',
      run: checkErrors,
    },
    {
      id: 'close',
      title: 'closes soon, connected or not, and leaves no timer behind',
      leftOut: () => undefined,
      run: checkClose,
    },
  ];
}

async function checkInstruments(rig: CheckRig): Promise<string[]> {
  const items = await itemsOf(rig, (checked, cursor, signal) =>
    checked.provider.instruments?.({ cursor }, signal),
  );
  if ('found' in items) return items.found;
  const symbols = items.all.map(({ symbol }) => symbol);
  return rig.options.symbols
    .filter((symbol) => !symbols.includes(symbol))
    .map((symbol) => `its instruments have no "${symbol}"`);
}

async function checkChain(rig: CheckRig): Promise<string[]> {
  const underlying = rig.options.underlying!; // left out without
  const items = await itemsOf(rig, (checked, cursor, signal) =>
    checked.provider.optionsChain?.({ underlying, cursor }, signal),
  );
  if ('found' in items) return items.found;
  const odd = items.all.find((one) => one.underlying !== underlying || !/^\d{4}-\d\d-\d\d$/.test(one.expiry));
  if (odd) return [`option "${odd.symbol}": expected the underlying "${underlying}", and a day of expiry`];
  return items.all.length === 0 ? [`expected options on "${underlying}", found none`] : [];
}

type Items<Item> = { readonly all: readonly Item[] } | { readonly found: string[] };
type Ask<Item> = (
  checked: Checked,
  cursor: PlainData,
  signal: AbortSignal,
) => Promise<Page<Item>> | undefined;

/** All items of a list, whose first page has to be the same where the gate makes its calls again. */
async function itemsOf<Item>(rig: CheckRig, ask: Ask<Item>): Promise<Items<Item>> {
  const items = await allPages(rig, ask);
  if ('found' in items) return items;
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return { found: stopped };
  checked.gate.losesAnswers = true;
  const first = await askPage(rig, ask, checked, null);
  if ('found' in first) return first;
  const before = items.all.slice(0, first.page.items.length);
  return JSON.stringify(first.page.items) === JSON.stringify(before)
    ? items
    : { found: [`gave other items where its gate made the calls again: ${AFTER_THE_GATE}`] };
}

async function allPages<Item>(rig: CheckRig, ask: Ask<Item>): Promise<Items<Item>> {
  const checked = await rig.make();
  const stopped = await connected(rig, checked.provider);
  if (stopped) return { found: stopped };
  const all: Item[] = [];
  const cursors = new PageCursors(rig.options.pagesMax);
  let cursor: PlainData = null;
  do {
    const answer: Answer<Item> = await askPage(rig, ask, checked, cursor);
    if ('found' in answer) return answer;
    for (const item of answer.page.items) all.push(item);
    cursor = answer.page.next ?? null;
    const complaint = cursors.complaint(cursor);
    if (complaint !== undefined) return { found: [complaint] };
  } while (cursor !== null);
  return { all };
}

type Answer<Item> = { readonly page: Page<Item> } | { readonly found: string[] };

async function askPage<Item>(
  rig: CheckRig,
  ask: Ask<Item>,
  checked: Checked,
  cursor: PlainData,
): Promise<Answer<Item>> {
  const { signal } = rig.stopping();
  const answer = await rig.within(ask(checked, cursor, signal), rig.options.waitMs);
  return answer.how === 'resolved' && Array.isArray(answer.value?.items)
    ? { page: answer.value }
    : { found: [said(answer, 'expected a page { items, next }, found something else')] };
}

/** A wrong key shows in the login, in the first page, or in the stream. */
async function checkErrors(rig: CheckRig): Promise<string[]> {
  const found: string[] = [];
  for (const { options, kind } of rig.options.wrongOptions ?? []) {
    const checked = await rig.make(options);
    const outcome = await rig.within(firstCall(rig, checked), rig.options.waitMs);
    const met = outcome.how === 'rejected' ? providerErrorKind(outcome.error) : undefined;
    if (outcome.how !== 'rejected') found.push(`expected an error of kind ${kind}, found none`);
    else if (met !== kind) {
      found.push(`expected an error of kind ${kind}, found ${met ?? 'none'}: ${messageOf(outcome.error)}`);
    }
  }
  return found;
}

async function firstCall(rig: CheckRig, checked: Checked): Promise<void> {
  await rig.connect(checked);
  const [history] = historiesOf(rig.capabilities);
  if (history && rig.options.history) await rig.page(history, checked, rig.options.symbols[0]!, null);
  const [stream] = streamsOf(rig.capabilities);
  if (stream) await rig.stream(stream, checked).ended;
}

async function checkClose(rig: CheckRig): Promise<string[]> {
  const found = new Set<string>();
  for (const isConnected of [false, true]) {
    const before = rig.timersPending;
    const checked = await rig.make();
    if (isConnected) {
      const stopped = await connected(rig, checked.provider);
      if (stopped) return [...found, ...stopped];
    }
    const end = await rig.closeOne(checked);
    if (end.how !== 'resolved') found.add(said(end, `not closed within ${rig.options.graceMs} ms`));
    if (rig.timersPending !== before) found.add('left a timer behind when it was closed');
  }
  return [...found];
}

/** What a process that deals budgets and one that spends from them say to each other: plain data. */
import type { WireError } from '../../core/errors.js';
import type { ToldState } from '../breaker/told-state.js';
import type { BreakersInput } from '../breakers-settings.js';
import type { BudgetShare, ShareRequest } from '../budget-port.js';
import type { BudgetInput } from '../rate/budget-options.js';

/** Budgets and breakers as another process begins with them. */
export interface RemoteResilienceHandle {
  /** By scope, as they are declared. */
  readonly budgets: Readonly<Record<string, BudgetInput>>;
  readonly breakers: BreakersInput;
  /** Calls of one thread that may wait for permits at one time. */
  readonly waitersMax: number;
  /** Another text for each start of a process. */
  readonly owner: string;
}

/** To the process that deals. */
export type ToDealer =
  | { readonly type: 'renew'; readonly id: number; readonly request: ShareRequest }
  /** A breaker found a state itself: `version` is that of the last one that it was told. */
  | {
      readonly type: 'breaker';
      readonly provider: string;
      readonly state: 'open' | 'halfOpen' | 'closed';
      readonly openLeftMs?: number;
      readonly version: number;
    };

/** From the process that deals. */
export type FromDealer =
  | { readonly type: 'share'; readonly id: number; readonly share: BudgetShare }
  | { readonly type: 'refusal'; readonly id: number; readonly error: WireError }
  /** The share of a budget is to be asked for now. */
  | { readonly type: 'nudge'; readonly scope: string }
  | { readonly type: 'breaker'; readonly provider: string; readonly told: ToldState };

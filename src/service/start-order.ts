import { IndexedHeap } from '../resilience/rate/indexed-heap.js';
import type { JobLimits } from '../settings/job-limits.js';
import { PRIORITY_MAX } from '../settings/priority.js';
import type { WaitReason } from '../supervision/job.js';
import { type PlaceClaim, StartPlaces } from './start-places.js';

/** What the order goes by. */
export interface StartClaim extends PlaceClaim {
  /** At most `PRIORITY_MAX`. */
  readonly priority: number;
  /** Monotonic ns; when its wait began. */
  readonly sinceNs: bigint;
  /** Its number among all jobs: which of two came first. */
  readonly arrival: number;
}

/**
 * Which job starts next. The one of the highest priority does. Each time `ageingMs` has passed on the clock, the
 * priority of every waiting job rises by one, up to `PRIORITY_MAX`. Among equals, tenants take turns: the one whose
 * turn is longest ago, and of its jobs the one that will be, or has been, at `PRIORITY_MAX` first, then the one that
 * came first. A tenant that has just come waits for one turn of each of the others.
 *
 * Jobs held up by a limit are passed over. So that nobody has to look at them, waiting jobs are in lanes: those of
 * one tenant with the same providers, which are all held up or none.
 *
 * The priority never has to be raised: at its `rank`, a job is at the top, so one whose rank is less never starts
 * later. All whose rank has passed are equals.
 */
export class StartOrder<Job> {
  readonly #places: StartPlaces;
  readonly #ageingNs: bigint;
  readonly #entries = new Map<Job, Entry<Job>>();
  readonly #tenants = new Map<string | undefined, Tenant<Job>>();
  readonly #groups = new Map<string, Group<Job>>();
  /** Groups with waiting jobs, but for those that stand at a provider's limit. */
  readonly #open = new Set<Group<Job>>();
  /** By the provider at whose limit they stand. */
  readonly #held = new Map<string, Set<Group<Job>>>();
  #turns = 0;

  constructor(limits: JobLimits) {
    this.#places = new StartPlaces(limits);
    this.#ageingNs = BigInt(limits.ageingMs) * 1_000_000n;
  }

  /** Adds a job that may start as soon as it is its turn. */
  add(job: Job, claim: StartClaim): void {
    const providers = this.#places.limitedProviders(claim.providers);
    const tenant = this.#tenant(claim.tenant);
    const lane = this.#lane(this.#group(providers), tenant);
    const rank = this.#tick(claim.sinceNs) + PRIORITY_MAX - claim.priority;
    const places = { tenant: claim.tenant, providers };
    const entry = { job, rank, arrival: claim.arrival, places, lane, index: -1 };
    this.#entries.set(job, entry);
    lane.waiting.add(entry);
    this.#settle(lane);
  }

  /** The job that is to start now, if one may. */
  first(nowNs: bigint): Job | undefined {
    return this.#find(this.#tick(nowNs))?.job;
  }

  /** Takes out the job that is to start now. It has its places until it is removed. */
  take(nowNs: bigint): Job | undefined {
    const entry = this.#find(this.#tick(nowNs));
    if (!entry) return undefined;
    const { waiting, tenant } = entry.lane!;
    waiting.remove(entry);
    entry.lane = undefined;
    this.#places.take(entry.places);
    tenant.turn = this.#turns++;
    this.#settleAll(tenant);
    return entry.job;
  }

  /**
   * Gives a job places that it had in an earlier process, out of turn.
   *
   * @returns Whether no limit stood in the way. Otherwise, nothing was done.
   */
  takeBack(job: Job, claim: PlaceClaim): boolean {
    const places = { tenant: claim.tenant, providers: this.#places.limitedProviders(claim.providers) };
    if (this.#places.reasons(places).length > 0) return false;
    this.#places.take(places);
    this.#entries.set(job, { job, rank: 0, arrival: 0, places, lane: undefined, index: -1 });
    const tenant = this.#tenants.get(claim.tenant);
    if (tenant) this.#settleAll(tenant);
    return true;
  }

  /** Forgets a job: it has ended, or left before its turn. Gives its places back. */
  remove(job: Job): void {
    const entry = this.#entries.get(job);
    if (!entry) return;
    this.#entries.delete(job);
    const { lane, places } = entry;
    if (lane) {
      lane.waiting.remove(entry);
      this.#settle(lane);
      return;
    }
    this.#places.giveBack(places);
    const tenant = this.#tenants.get(places.tenant);
    if (tenant) this.#settleAll(tenant);
    for (const provider of places.providers) {
      for (const held of this.#held.get(provider) ?? []) this.#open.add(held);
      this.#held.delete(provider);
    }
  }

  /** What holds a waiting job up; `undefined` if it does not wait here. */
  waitsFor(job: Job): readonly WaitReason[] | undefined {
    const entry = this.#entries.get(job);
    if (!entry?.lane) return undefined;
    const reasons = this.#places.reasons(entry.places);
    return reasons.length > 0 ? reasons : [{ for: 'turn' }];
  }

  #find(tick: number): Entry<Job> | undefined {
    if (this.#places.isFull) return undefined;
    let best: Entry<Job> | undefined;
    for (const group of this.#open) {
      const provider = this.#places.fullProvider(group.providers);
      if (provider !== undefined) {
        this.#hold(group, provider);
        continue;
      }
      const entry = headOf(group, tick);
      if (entry && (!best || startsBefore(entry, best, tick))) best = entry;
    }
    return best;
  }

  #hold(group: Group<Job>, provider: string): void {
    this.#open.delete(group);
    const held = this.#held.get(provider);
    if (held) held.add(group);
    else this.#held.set(provider, new Set([group]));
  }

  #settleAll(tenant: Tenant<Job>): void {
    for (const lane of [...tenant.lanes.values()]) this.#settle(lane);
  }

  /** Puts a lane where it belongs, after its first job or the turn of its tenant may have changed. */
  #settle(lane: Lane<Job>): void {
    const { tenant, group } = lane;
    group.atTop.remove(lane);
    group.rising.remove(lane);
    if (lane.waiting.size > 0) {
      if (!this.#places.isTenantFull(tenant.name)) group.rising.add(lane);
      return;
    }
    tenant.lanes.delete(group);
    // One without a job that waits keeps no turn: it comes back as the last.
    if (tenant.lanes.size === 0) this.#tenants.delete(tenant.name);
    group.lanes--;
    if (group.lanes > 0) return;
    this.#groups.delete(group.key);
    this.#open.delete(group);
    for (const provider of group.providers) this.#held.get(provider)?.delete(group);
  }

  #tenant(name: string | undefined): Tenant<Job> {
    const known = this.#tenants.get(name);
    if (known) return known;
    const tenant = { name, turn: this.#turns++, lanes: new Map() };
    this.#tenants.set(name, tenant);
    return tenant;
  }

  #group(providers: readonly string[]): Group<Job> {
    const key = JSON.stringify(providers);
    const known = this.#groups.get(key);
    if (known) return known;
    const group: Group<Job> = {
      key,
      providers,
      lanes: 0,
      atTop: new IndexedHeap('topIndex', (a, b) => a.tenant.turn < b.tenant.turn),
      rising: new IndexedHeap('risingIndex', (a, b) => {
        const [rankOfA, rankOfB] = [a.waiting.first!.rank, b.waiting.first!.rank];
        return rankOfA === rankOfB ? a.tenant.turn < b.tenant.turn : rankOfA < rankOfB;
      }),
    };
    this.#groups.set(key, group);
    this.#open.add(group);
    return group;
  }

  #lane(group: Group<Job>, tenant: Tenant<Job>): Lane<Job> {
    const known = tenant.lanes.get(group);
    if (known) return known;
    const waiting = new IndexedHeap<Entry<Job>, 'index'>('index', isBeforeInLane);
    const lane = { tenant, group, waiting, topIndex: -1, risingIndex: -1 };
    tenant.lanes.set(group, lane);
    group.lanes++;
    return lane;
  }

  #tick(ns: bigint): number {
    return Number(ns / this.#ageingNs);
  }
}

interface Entry<Job> {
  readonly job: Job;
  /** The tick at which its priority is the highest. */
  readonly rank: number;
  readonly arrival: number;
  /** Of the providers, those with a limit. */
  readonly places: PlaceClaim;
  /** `undefined` once it has its places. */
  lane: Lane<Job> | undefined;
  index: number;
}

/** Waiting jobs of a tenant that use the same providers. */
interface Lane<Job> {
  readonly tenant: Tenant<Job>;
  readonly group: Group<Job>;
  readonly waiting: IndexedHeap<Entry<Job>, 'index'>;
  topIndex: number;
  risingIndex: number;
}

/** The jobs without a tenant are one, too. */
interface Tenant<Job> {
  readonly name: string | undefined;
  /** When it came, or was served last, in turns. No two are equal. */
  turn: number;
  readonly lanes: Map<Group<Job>, Lane<Job>>;
}

/** The lanes of jobs that use the same providers. Those of a tenant at its limit are in neither heap. */
interface Group<Job> {
  readonly key: string;
  /** Those with a limit. */
  readonly providers: readonly string[];
  lanes: number;
  /** Lanes whose first job is at the top. */
  readonly atTop: IndexedHeap<Lane<Job>, 'topIndex'>;
  readonly rising: IndexedHeap<Lane<Job>, 'risingIndex'>;
}

function headOf<Job>({ atTop, rising }: Group<Job>, tick: number): Entry<Job> | undefined {
  for (let lane = rising.first; lane && lane.waiting.first!.rank <= tick; lane = rising.first) {
    rising.remove(lane);
    atTop.add(lane);
  }
  return (atTop.first ?? rising.first)?.waiting.first;
}

function startsBefore<Job>(a: Entry<Job>, b: Entry<Job>, tick: number): boolean {
  const [levelOfA, levelOfB] = [Math.max(a.rank, tick), Math.max(b.rank, tick)];
  if (levelOfA !== levelOfB) return levelOfA < levelOfB;
  const [tenantOfA, tenantOfB] = [a.lane!.tenant, b.lane!.tenant]; // both wait
  if (tenantOfA !== tenantOfB) return tenantOfA.turn < tenantOfB.turn;
  return isBeforeInLane(a, b);
}

function isBeforeInLane<Job>(a: Entry<Job>, b: Entry<Job>): boolean {
  return a.rank === b.rank ? a.arrival < b.arrival : a.rank < b.rank;
}

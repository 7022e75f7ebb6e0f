import type { JobLimits } from '../settings/job-limits.js';
import type { WaitReason } from '../supervision/job.js';

/** What a job takes places of: one in all, one of its tenant, and one of each provider. */
export interface PlaceClaim {
  readonly tenant?: string | undefined;
  readonly providers: readonly string[];
}

/** Counts the jobs that are under way, from their start to their end, and says who is at a limit. */
export class StartPlaces {
  readonly #limits: JobLimits;
  #jobs = 0;
  readonly #ofTenant = new Map<string | undefined, number>();
  readonly #ofProvider = new Map<string, number>();

  constructor(limits: JobLimits) {
    this.#limits = limits;
  }

  get isFull(): boolean {
    return this.#jobs >= (this.#limits.jobs ?? Number.POSITIVE_INFINITY);
  }

  isTenantFull(tenant: string | undefined): boolean {
    return (this.#ofTenant.get(tenant) ?? 0) >= this.#tenantLimit(tenant);
  }

  /** The first provider without a place. */
  fullProvider(providers: readonly string[]): string | undefined {
    return providers.find((name) => (this.#ofProvider.get(name) ?? 0) >= this.#providerLimit(name));
  }

  /** The providers that have a limit, each once and in one order: only these can hold a job up. */
  limitedProviders(names: readonly string[]): readonly string[] {
    const limited = names.filter((name) => this.#providerLimit(name) !== Number.POSITIVE_INFINITY);
    return [...new Set(limited)].sort();
  }

  take({ tenant, providers }: PlaceClaim): void {
    this.#jobs++;
    add(this.#ofTenant, tenant, 1);
    for (const name of providers) add(this.#ofProvider, name, 1);
  }

  giveBack({ tenant, providers }: PlaceClaim): void {
    this.#jobs--;
    add(this.#ofTenant, tenant, -1);
    for (const name of providers) add(this.#ofProvider, name, -1);
  }

  /** Every limit that holds a job up now. */
  reasons({ tenant, providers }: PlaceClaim): readonly WaitReason[] {
    const { jobs } = this.#limits;
    const full = providers.filter((name) => this.fullProvider([name]) !== undefined);
    return [
      ...(this.isFull ? [{ for: 'jobs', limitJobs: jobs! } as const] : []),
      ...(tenant !== undefined && this.isTenantFull(tenant)
        ? [{ for: 'tenant', tenant, limitJobs: this.#tenantLimit(tenant) } as const]
        : []),
      ...full.map(
        (provider) => ({ for: 'provider', provider, limitJobs: this.#providerLimit(provider) }) as const,
      ),
    ];
  }

  /** Jobs without a tenant have no limit of their own. */
  #tenantLimit(tenant: string | undefined): number {
    if (tenant === undefined) return Number.POSITIVE_INFINITY;
    const { jobsPerTenant = Number.POSITIVE_INFINITY, jobsByTenant } = this.#limits;
    return ownValue(jobsByTenant, tenant) ?? jobsPerTenant;
  }

  #providerLimit(provider: string): number {
    return ownValue(this.#limits.jobsByProvider, provider) ?? Number.POSITIVE_INFINITY;
  }
}

function ownValue(limits: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(limits, name) ? limits[name] : undefined;
}

function add<Key>(counts: Map<Key, number>, key: Key, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

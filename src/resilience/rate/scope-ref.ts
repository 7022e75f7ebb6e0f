import { InvalidScopeError } from './rate-errors.js';

/**
 * What a call spends from, described by what the call is for. The tenant's own budget is taken first,
 * then the endpoint's, then the provider's: all or none.
 */
export interface ScopeRef {
  readonly provider?: string | undefined;
  /** An endpoint of the provider. */
  readonly endpoint?: string | undefined;
  readonly tenant?: string | undefined;
}

/** What a throttled call was for. Providers throttle calls, not tenants. */
export interface ThrottledScope {
  readonly provider: string;
  readonly endpoint?: string | undefined;
}

export const providerScope = (provider: string): string => `provider:${provider}`;
export const endpointScope = (provider: string, endpoint: string): string =>
  `endpoint:${provider}/${endpoint}`;
export const tenantScope = (tenant: string): string => `tenant:${tenant}`;

/**
 * Names of the scopes, in the order in which they are taken. Waiters queue at the last one.
 *
 * @throws {InvalidScopeError} for a reference to nothing, to an endpoint without a provider, or by a name
 *   that is not a text.
 */
export function scopeNames(ref: ScopeRef): string[] {
  if (typeof ref !== 'object' || ref === null) throw new InvalidScopeError(ref);
  const { provider, endpoint, tenant } = ref;
  if (![provider, endpoint, tenant].every(isName)) throw new InvalidScopeError(ref);
  if (provider === undefined && (endpoint !== undefined || tenant === undefined))
    throw new InvalidScopeError(ref);
  const names: string[] = [];
  if (tenant !== undefined) names.push(tenantScope(tenant));
  if (provider !== undefined) {
    if (endpoint !== undefined) names.push(endpointScope(provider, endpoint));
    names.push(providerScope(provider));
  }
  return names;
}

/**
 * Name of the one scope that a budget is declared for.
 *
 * @throws {InvalidScopeError} for a reference to none, or to a tenant and a provider at once.
 */
export function scopeName(ref: ScopeRef): string {
  const names = scopeNames(ref);
  if (ref.provider !== undefined && ref.tenant !== undefined) throw new InvalidScopeError(ref);
  return names[0]!;
}

/** The scope of a name that `scopeName` gave; `undefined` if it is none. */
export function scopeOfName(name: string): ScopeRef | undefined {
  const [, kind, first, second] = /^(provider|endpoint|tenant):([^/]+)(?:\/(.+))?$/.exec(name) ?? [];
  if (kind === 'provider' && second === undefined) return { provider: first };
  if (kind === 'tenant' && second === undefined) return { tenant: first };
  return kind === 'endpoint' && second !== undefined ? { provider: first, endpoint: second } : undefined;
}

/**
 * What a throttled call was for.
 *
 * @throws {InvalidScopeError} for what names no provider.
 */
export function throttledScope(ref: ThrottledScope): ThrottledScope {
  const { provider, endpoint } =
    typeof ref === 'object' && ref !== null ? ref : ({} as Partial<ThrottledScope>);
  if (typeof provider !== 'string' || !isName(endpoint)) throw new InvalidScopeError(ref);
  return { provider, endpoint };
}

const isName = (part: unknown): boolean => part === undefined || typeof part === 'string';

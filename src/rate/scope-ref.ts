/**
 * What a call spends from, told by what it is for. A tenant's own budget is taken first, then the
 * endpoint's, then the provider's: all or none.
 */
export interface ScopeRef {
  readonly provider?: string;
  /** Of the provider. */
  readonly endpoint?: string;
  readonly tenant?: string;
}

export const providerScope = (provider: string): string => `provider:${provider}`;
export const endpointScope = (provider: string, endpoint: string): string => `endpoint:${provider}/${endpoint}`;
export const tenantScope = (tenant: string): string => `tenant:${tenant}`;

/** Names of the scopes, in the order in which they are taken. The last is where waiters queue. */
export function scopeNames({ provider, endpoint, tenant }: ScopeRef): string[] {
  const names: string[] = [];
  if (tenant !== undefined) names.push(tenantScope(tenant));
  if (endpoint !== undefined && provider !== undefined) names.push(endpointScope(provider, endpoint));
  if (provider !== undefined) names.push(providerScope(provider));
  return names;
}

/** The one scope that a budget is declared for: the narrowest of those named. */
export function scopeName({ provider, endpoint, tenant }: ScopeRef): string | undefined {
  if (endpoint !== undefined) return provider === undefined ? undefined : endpointScope(provider, endpoint);
  if (provider !== undefined) return tenant === undefined ? providerScope(provider) : undefined;
  return tenant === undefined ? undefined : tenantScope(tenant);
}

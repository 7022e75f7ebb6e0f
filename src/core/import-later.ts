/**
 * The `import()` of what threads of pipelines load later on from outside of this package. By themselves, since a
 * file of the build with an `import()` in it shares no compiled code (`src/shared-memory/shared-code.ts`).
 */

/** @param url - The absolute URL of a file. */
export const importFile = (url: string): Promise<Record<string, unknown>> => import(url);

export const importTemporal = () => import('temporal-polyfill');

export const importGlobs = () => import('tinyglobby');

/** An optional peer: `src/databases/postgres/load-pg.ts` says what to do without it. */
export const importPg = () => import('pg');

/** An optional peer, too. */
export const importPgCopyStreams = () => import('pg-copy-streams');

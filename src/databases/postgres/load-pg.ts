import { PipelineError } from '../../core/errors.js';
import { importPg, importPgCopyStreams } from '../../core/import-later.js';

export type Pg = typeof import('pg');
export type PgCopyStreams = typeof import('pg-copy-streams');

/**
 * Loads the optional peers `pg` and `pg-copy-streams`.
 * @throws {PipelineError} `PEER_MISSING`
 */
export async function loadPg(
  load: () => Promise<readonly [Pg, PgCopyStreams]> = () => Promise.all([importPg(), importPgCopyStreams()]),
): Promise<{ readonly pg: Pg; readonly copyStreams: PgCopyStreams }> {
  try {
    const [pg, copyStreams] = await load();
    return { pg, copyStreams };
  } catch (cause) {
    throw new PipelineError(
      'PEER_MISSING',
      'PostgreSQL needs the packages "pg" and "pg-copy-streams": npm install pg pg-copy-streams',
      { cause },
    );
  }
}

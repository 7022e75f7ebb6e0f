import { once } from 'node:events';
import type { PostgresConnection } from '../../../databases/postgres/connect.js';

/**
 * Sends bytes by a COPY statement, and resolves once the server has taken all rows: at no time more is on the way than
 * these bytes.
 *
 * @throws What `pg` throws.
 */
export async function copyInto(
  { client, copyStreams }: PostgresConnection,
  statement: string,
  bytes: Uint8Array,
): Promise<void> {
  const stream = client.query(copyStreams.from(statement));
  const finished = once(stream, 'finish');
  stream.end(bytes);
  await finished;
}

/** A TCP proxy before the server, which cuts connections at random: around a COMMIT more often than elsewhere. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const COMMIT_CUT = 0.04;
const OTHER_CUT = 0.004;

/**
 * @param port - Of the server.
 * @param random - Numbers from 0 to below 1.
 */
export async function startProxy(port, random) {
  /** By kind: `before` the server has got what the client sent, or `after` that, and before its answer. */
  const cuts = {};
  let left = 0;

  /** What becomes of a message: a kind of cut, or nothing. */
  function fateOf(bytes) {
    const isCommit = bytes.includes('COMMIT');
    if (left === 0 || random() >= (isCommit ? COMMIT_CUT : OTHER_CUT)) return undefined;
    left--;
    const when = random() < 0.5 ? 'before' : 'after';
    const kind = `${when} ${isCommit ? 'a COMMIT' : 'another message'}`;
    cuts[kind] = (cuts[kind] ?? 0) + 1;
    return when;
  }

  const server = createServer((client) => {
    const inner = connect(port, '127.0.0.1');
    let isMute = false;
    client.on('error', () => inner.destroy());
    inner.on('error', () => client.destroy());
    client.on('close', () => inner.end());
    inner.on('close', () => client.destroy());
    inner.on('data', (bytes) => {
      if (!isMute) client.write(bytes);
    });
    client.on('data', (bytes) => {
      if (isMute) return;
      const when = fateOf(bytes);
      if (when !== 'before') inner.write(bytes);
      if (when === undefined) return;
      isMute = true;
      client.destroy();
      if (when === 'before') inner.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    cuts,
    /** From now on it cuts so many connections, and no more. */
    cutUpTo(count) {
      left = count;
    },
    close: () => server.close(),
  };
}

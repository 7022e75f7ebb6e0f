import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { toWireError } from '../../../src/core/errors.js';
import { connectToPostgres } from '../../../src/databases/postgres/connect.js';
import { PostgresConnectionOptions } from '../../../src/databases/postgres/connection-options.js';
import { loadPg } from '../../../src/databases/postgres/load-pg.js';
import { hasPostgres, postgresConnection, postgresTitle } from '../../support/postgres-server.js';

const optionsOf = (own: object) => PostgresConnectionOptions.parse({ ...postgresConnection(), ...own });
const failureOf = (own: object, signal?: AbortSignal) =>
  connectToPostgres(optionsOf(own), signal).then(
    () => undefined,
    (error: unknown) => error,
  );

/** A message of the server. */
function messageOf(code: string, content: Buffer): Buffer {
  const head = Buffer.from(`${code}\0\0\0\0`, 'latin1');
  head.writeInt32BE(4 + content.length, 1);
  return Buffer.concat([head, content]);
}

describe('the packages for PostgreSQL', () => {
  it('are asked for with the command that installs them', async () => {
    const load = () => Promise.reject(new Error("Cannot find package 'pg'"));
    await expect(loadPg(load)).rejects.toMatchObject({
      code: 'PEER_MISSING',
      message: expect.stringContaining('npm install pg pg-copy-streams'),
    });
  });
});

describe('a connection that cannot be opened', () => {
  it('may be tried again where nobody listens', async () => {
    const failure = await failureOf({ host: '127.0.0.1', port: 1 });
    expect(failure).toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
  });

  it('says which environment variable has no password, and no password in any error', async () => {
    expect(await failureOf({ passwordEnv: 'TICKLOOM_NO_SUCH_VARIABLE' })).toMatchObject({
      code: 'PROVIDER_AUTHENTICATION',
      retryable: false,
      message: expect.stringContaining('TICKLOOM_NO_SUCH_VARIABLE'),
    });
    const failure = await failureOf({ host: '127.0.0.1', port: 1, password: 'hunter2-secret' });
    expect(JSON.stringify(toWireError(failure))).not.toContain('hunter2');
  });

  it('is not tried again with a password that the server refuses, which no error shows', async () => {
    let messages = 0;
    const server = createServer((socket) => {
      // To the first message: that it wants a password. To that: that it is wrong.
      socket.on('data', () => {
        const fields = Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed for user "u"\0\0');
        socket.write(messages++ === 0 ? messageOf('R', Buffer.from([0, 0, 0, 3])) : messageOf('E', fields));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const failure = await failureOf({ host: '127.0.0.1', port, password: 'wrong-hunter2' });
      expect(failure).toMatchObject({ code: 'PROVIDER_AUTHENTICATION', retryable: false });
      expect(JSON.stringify(toWireError(failure))).not.toContain('hunter2');
    } finally {
      server.close();
    }
  });

  it('is broken off by its signal while the server says nothing', async () => {
    const server = createServer(() => stop.abort(new Error('stopped')));
    const stop = new AbortController();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      expect(await failureOf({ host: '127.0.0.1', port }, stop.signal)).toMatchObject({ message: 'stopped' });
    } finally {
      server.close();
    }
  });
});

describe.runIf(hasPostgres)(postgresTitle('a connection to PostgreSQL'), () => {
  it('names the database that there is not', async () => {
    expect(await failureOf({ database: 'no_such_database' })).toMatchObject({
      code: 'PROVIDER_NOT_FOUND',
      retryable: false,
      message: expect.stringContaining('SQLSTATE 3D000'),
    });
  });

  it('takes parameters as values, never as SQL', async () => {
    const connection = await connectToPostgres(optionsOf({}));
    const text = "'; DROP TABLE x; --";
    expect(await connection.query('SELECT $1::text, NULL', [text])).toEqual([[text, null]]);
    await connection.end();
  });

  it('names the kind of an error by its SQLSTATE, and goes on', async () => {
    const connection = await connectToPostgres(optionsOf({}));
    await expect(connection.query('SELECT * FROM no_such_table')).rejects.toMatchObject({
      code: 'PROVIDER_NOT_FOUND',
    });
    expect(await connection.query('SELECT 1')).toEqual([['1']]);
    await connection.end();
  });

  it('lets a statement fail that the server cancels after its time', async () => {
    const connection = await connectToPostgres(optionsOf({ statementTimeout: '50ms' }));
    await expect(connection.query('SELECT pg_sleep(600)')).rejects.toMatchObject({
      code: 'PROVIDER_UNAVAILABLE',
      retryable: true,
    });
    await connection.end();
  });

  it('fails what waits once it is destroyed, and knows that it is lost', async () => {
    const connection = await connectToPostgres(optionsOf({}));
    const waiting = connection.query('SELECT pg_sleep(600)');
    connection.destroy();
    await expect(waiting).rejects.toMatchObject({ code: 'PROVIDER_DISCONNECTED', retryable: true });
    expect(connection.lostBy).toBeDefined();
    await connection.end();
  });
});

/** A PostgreSQL server in a folder of its own, which may be killed and started again. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const VERSIONS = '/usr/lib/postgresql';

/** The folder with `initdb` and `pg_ctl`, if there is one. */
export function serverPrograms() {
  const told = spawnSync('pg_config', ['--bindir'], { encoding: 'utf8' });
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(VERSIONS, version, 'bin'));
  if (told.status === 0) folders.push(told.stdout.trim());
  return folders.find((folder) => ['initdb', 'pg_ctl'].every((name) => existsSync(join(folder, name))));
}

/**
 * Makes a server and starts it. It ends with this process.
 *
 * @param programs - From `serverPrograms`.
 * @param folder - An empty folder, which it makes a folder for the server in.
 */
export async function startServer(programs, folder) {
  // A server does not run as root.
  const owner = process.getuid() === 0 ? { uid: idOf('-u'), gid: idOf('-g') } : {};
  const own = join(folder, 'postgres');
  mkdirSync(own);
  if (owner.uid !== undefined) {
    chmodSync(folder, 0o711);
    chownSync(own, owner.uid, owner.gid);
  }
  const data = join(own, 'data');
  const options = { ...owner, cwd: '/', stdio: 'ignore' };
  const control = (...args) => [join(programs, 'pg_ctl'), ['-D', data, '-w', '-t', '600', ...args], options];
  const run = async ([program, args, how]) => {
    const [code] = await once(spawn(program, args, how), 'exit');
    if (code !== 0)
      throw new Error(`${program} ${args.join(' ')}: exit code ${code}, see ${join(own, 'log')}`);
  };
  const port = await freePort();
  const flags = `-p ${port} -k ${own} -h 127.0.0.1`;
  const start = control('-l', join(own, 'log'), '-o', flags, 'start');
  const stop = control('-m', 'immediate', 'stop');
  const made = ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale', 'C'];
  await run([join(programs, 'initdb'), made, options]);
  await run(start);
  process.once('exit', () => spawnSync(...stop));
  return {
    port,
    connection: { host: '127.0.0.1', port, database: 'postgres', user: 'postgres' },
    /** Ends it without a checkpoint, as a crash does, and starts it again. */
    async crash(downForMs) {
      await run(stop);
      await setTimeout(downForMs);
      await run(start);
    },
  };
}

const idOf = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

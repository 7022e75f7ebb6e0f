import { z } from 'zod';
import { secret } from '../../engine/component.js';
import { durationNs } from '../../settings/duration.js';

const host = 'expected the name or address of a host, or the folder of a Unix socket';
const port = 'expected a port from 1 to 65535';
const database = 'expected the name of a database';
const user = 'expected the name of a user';
const variable = 'expected the name of an environment variable';
const tls = 'expected off, verify or unverified';
const caFile = 'expected the path of a file with certificates in PEM';

/** How a PostgreSQL server is reached: of all stages that use one. */
export const PostgresConnectionOptions = z.strictObject({
  host: z
    .string(host)
    .min(1, host)
    .default('localhost')
    .describe(
      'Name or address of the server, or the folder of its Unix socket, such as `/var/run/postgresql`',
    ),
  port: z.int(port).min(1, port).max(65_535, port).default(5_432).describe('Port of the server'),
  database: z.string(database).min(1, database).max(63, database).describe('Name of the database'),
  user: z.string(user).min(1, user).max(63, user).describe('Name of the user'),
  password: secret(z.string('expected a text').min(1, 'expected a password of 1 character or more'))
    .optional()
    .describe(
      'Its password. Better in the environment: `passwordEnv`, or else `PGPASSWORD` or the file `.pgpass`, as for `psql`',
    ),
  passwordEnv: z
    .string(variable)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, variable)
    .optional()
    .describe('Name of the environment variable that has the password'),
  tls: z
    .enum(['off', 'verify', 'unverified'], tls)
    .optional()
    .describe(
      '`verify`: encrypted, and the certificate of the server must fit its name and an authority. `unverified`: ' +
        'encrypted, for whoever answers. Default: `off` for `localhost`, loopback addresses and Unix sockets, else `verify`',
    ),
  caFile: z
    .string(caFile)
    .min(1, caFile)
    .optional()
    .describe('File with certificates of the authorities that are trusted, in place of the usual ones'),
  connectTimeout: durationNs({ min: '100ms', max: '10m' })
    .prefault('30s')
    .describe('How long a connection may take to open'),
  statementTimeout: durationNs({ min: '1ms', max: '1d' })
    .optional()
    .describe('How long a statement may take: the server cancels it then. Default: that of the server'),
  applicationName: z
    .string('expected a text')
    .min(1, 'expected 1 to 63 characters')
    .max(63, 'expected 1 to 63 characters')
    .default('tickloom')
    .describe('What `pg_stat_activity` of the server shows of the connection'),
});
export type PostgresConnectionOptions = z.output<typeof PostgresConnectionOptions>;

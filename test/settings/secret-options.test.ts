import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { secret } from '../../src/engine/component.js';
import { resolveWithFiles } from '../../src/plan/resolve-spec.js';
import { loadHere } from '../../src/plan/user-code/load-here.js';
import { builtIn } from '../../src/registry/built-in.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import { secretsOf } from '../../src/settings/secret-options.js';
import { ModuleOptions } from '../../src/stages/operators/module/options.js';

describe('what is secret in options', () => {
  const Login = z.strictObject({ user: z.string(), password: secret(z.string()).optional() });
  const Options = z.strictObject({
    apiKey: secret(z.string().min(1)).default('none-given'),
    logins: z.array(Login).optional(),
    login: z.union([Login, z.literal('anonymous')]).optional(),
    headers: secret(z.record(z.string(), z.string())).optional(),
    byVenue: z.record(z.string(), Login).optional(),
    symbols: z
      .array(z.string())
      .transform((symbols) => new Set(symbols))
      .optional(),
  });

  it('is what their schema marks, however deep, and nothing else', () => {
    const secrets = secretsOf(Options, {
      apiKey: 'key-1',
      logins: [{ user: 'me', password: 'pass-1' }, { user: 'you' }],
      login: { user: 'me', password: 'pass-2' },
      headers: { 'x-one': 'head-1', 'x-two': 'head-2' },
      byVenue: { xnys: { user: 'me', password: 'pass-3' } },
      symbols: ['AAPL'],
    });
    expect(secrets.sort()).toEqual(['head-1', 'head-2', 'key-1', 'pass-1', 'pass-2', 'pass-3']);
  });

  it('is nothing where it is left out, or too short to be hidden', () => {
    expect(secretsOf(Options, { apiKey: 'abc', login: 'anonymous' })).toEqual([]);
    expect(secretsOf(Options, null)).toEqual([]);
  });

  it('is found in options of a schema that refers to itself, however often, in no time', () => {
    interface Node {
      readonly token?: string | undefined;
      readonly children?: readonly Node[] | undefined;
      readonly either?: Node | undefined;
      readonly or?: Node | undefined;
    }
    const Node: z.ZodType<Node> = z.strictObject({
      token: secret(z.string()).optional(),
      get children() {
        return z.array(Node).optional();
      },
      get either() {
        return Node.optional();
      },
      get or() {
        return z.union([Node, z.array(Node)]).optional() as z.ZodType<Node | undefined>;
      },
    });
    let deep: Node = { token: 'token-0' };
    for (let level = 1; level < 40; level++) {
      deep = { token: `token-${level}`, children: [deep], either: deep, or: deep };
    }
    expect(secretsOf(Node, deep)).toHaveLength(40);
  });

  it('is told by JSON Schema, too', () => {
    expect(z.toJSONSchema(Login)).toMatchObject({ properties: { password: { writeOnly: true } } });
  });
});

describe('a component with a secret option', () => {
  const Options = ModuleOptions.extend({ options: z.strictObject({ apiKey: secret(z.string()) }) });

  /** Has the operator `module` take a key. */
  function markKey() {
    const component = builtIn.get('operator', 'module') as { options(): Promise<z.ZodType> };
    const before = component.options;
    component.options = async () => Options;
    onTestFinished(() => {
      component.options = before;
    });
  }
  const spec = {
    name: 'secretive',
    source: { use: 'synthetic', rows: 10 },
    operators: [
      { use: 'module', path: 'test/settings/failing-operator.mjs', options: { apiKey: 'plain words' } },
    ],
    sink: { use: 'null' },
  } as const;

  it('has its texts travel with the spec, to be hidden where it runs', async () => {
    markKey();
    const { resolved } = await resolveWithFiles(spec, { userCode: loadHere });
    expect(resolved.operators[0]!.secrets).toEqual(['plain words']);
  });

  it('shows them in no report of a run', async () => {
    markKey();
    const report = await createPipeline(spec).run();
    expect(report.error?.message).toMatch(/refused: \[redacted\]$/);
    expect(JSON.stringify(report)).not.toContain('plain words');
  });
});

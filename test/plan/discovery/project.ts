import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A schema by hand: a package in a folder of its own finds no Zod. */
const SCHEMA =
  '{ safeParse: (data) => ({ success: true, data }), toJSONSchema: () => ({ type: "object", properties: {} }) }';

/** A module with an operator that lets all rows through, and notes that it was loaded. */
export const operatorModule = (name: string) => `
  globalThis.modulesLoaded = [...(globalThis.modulesLoaded ?? []), ${JSON.stringify(name)}];
  export default {
    kind: 'operator', name: ${JSON.stringify(name)}, summary: 'Passes.',
    options: async () => (${SCHEMA}),
    load: async () => ({
      plan: (options, input) => input,
      create: (options, input) => ({ output: input, process: (batch, emit) => emit(batch), flush() {} }),
    }),
  };`;

export interface PackageParts {
  /** The field `tickloom`. Default: one operator with the name of the package. */
  readonly field?: unknown;
  readonly module?: string;
  readonly version?: string;
  /** Default: the project depends on it. */
  readonly isDependency?: boolean;
}

/** Names of the modules that were loaded since the last call. */
export function modulesLoaded(): string[] {
  const global = globalThis as { modulesLoaded?: string[] };
  const loaded = global.modulesLoaded ?? [];
  global.modulesLoaded = [];
  return loaded;
}

/** Writes a project with packages installed, which is removed after the test. @returns Its folder. */
export function projectWith(packages: Readonly<Record<string, PackageParts>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tickloom-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const dependencies: Record<string, string> = {};
  for (const [name, { field, module, version = '1.0.0', isDependency = true }] of Object.entries(packages)) {
    const place = join(folder, 'node_modules', name);
    const tickloom = field ?? { contract: 1, components: './component.mjs', names: { operator: [name] } };
    write(join(place, 'package.json'), JSON.stringify({ name, version, tickloom }));
    write(join(place, 'component.mjs'), module ?? operatorModule(name));
    if (isDependency) dependencies[name] = version;
  }
  write(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  return folder;
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

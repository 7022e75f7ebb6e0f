import { PipelineError, type RuntimeError, type SpecProblem } from '../core/errors.js';
import { redact } from '../core/redact.js';
import { builtIn } from '../registry/built-in.js';
import type { Registry } from '../registry/registry.js';
import { Catalogue, type Discovery, type OutsideComponent } from './catalogue.js';
import type { UserCode } from './user-code/user-code.js';

/** A catalogue, and what went wrong while it was loaded. */
export interface LoadedCatalogue {
  readonly catalogue: Catalogue;
  /** Problems of the modules. Paths lead into the settings: `components`, then the index of the module. */
  readonly problems: readonly SpecProblem[];
}

/**
 * Loads the declarations of all components in the modules of the settings.
 *
 * @param modules - The list "components" of the settings.
 * @param discovery - Where other names are looked up, once a spec has them.
 * @throws {RuntimeError} for failures that the modules did not cause.
 */
export async function loadCatalogue(
  modules: readonly string[],
  userCode: UserCode,
  discovery?: Discovery,
  registry: Registry = builtIn,
): Promise<LoadedCatalogue> {
  if (modules.length === 0) return { catalogue: new Catalogue(registry, [], discovery), problems: [] };
  const problems: SpecProblem[] = [];
  const outside: OutsideComponent[] = [];
  const asked = await Promise.allSettled(
    modules.map(async (module) => {
      const file = await userCode.find(module);
      return (await userCode.declare({ module, file })).map((declared) => ({ ...declared, module, file }));
    }),
  );
  for (const [i, answer] of asked.entries()) {
    const path = ['components', i];
    if (answer.status === 'rejected') {
      problems.push({ path, message: messageOfFault(modules[i]!, answer.reason) });
      continue;
    }
    const twin = outside.find(({ file }) => file === answer.value[0]?.file);
    if (twin) {
      const message = `module "${modules[i]}" is listed before as "${twin.module}": leave out one of them`;
      problems.push({ path, message });
      continue;
    }
    for (const component of answer.value) {
      const holder = holderOf(component, registry, outside);
      if (holder === undefined) outside.push(component);
      else problems.push({ path, message: collision(component, holder) });
    }
  }
  return { catalogue: new Catalogue(registry, outside, discovery), problems };
}

/** Describes the holder of a name that is already taken. */
function holderOf(
  { kind, name }: OutsideComponent,
  registry: Registry,
  outside: readonly OutsideComponent[],
): string | undefined {
  if (registry.find(kind, name)) return 'this package';
  const other = outside.find((component) => component.kind === kind && component.name === name);
  return other && `module "${other.module}"`;
}

const collision = ({ kind, name, module }: OutsideComponent, holder: string): string =>
  `module "${module}" declares the ${kind} "${name}", and ${holder} has one of that name: rename or leave out one of them`;

function messageOfFault(module: string, reason: unknown): string {
  if (!(reason instanceof PipelineError) || isOurs(reason)) throw reason;
  const message = redact(reason.message);
  return message.startsWith('module "') ? message : `module "${module}": ${message}`;
}

/** Whether neither the user code nor the spec or settings that name it caused the error. */
export function isOurs(error: RuntimeError): boolean {
  return error.code === 'RUNTIME_CLOSED' || error.code === 'THREAD_NOT_STARTED' || error.retryable;
}

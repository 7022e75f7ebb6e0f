import { pathToFileURL } from 'node:url';
import { PipelineError, RuntimeError } from '../core/errors.js';
import { redactedBeginning } from '../core/redact.js';
import type { Component } from '../engine/component.js';
import { Registry } from './registry.js';

/**
 * Loads the components of a module into the calling thread: its default export is one that
 * `defineComponent` made, or a list of them (they may come from another copy of this package).
 *
 * @param module - As the settings name it, for errors.
 * @param file - Its real path.
 * @throws {PipelineError} `MODULE_INVALID` where it throws as it is loaded, or exports no components.
 */
export async function loadComponents(module: string, file: string): Promise<Registry> {
  let exported: unknown;
  try {
    exported = ((await import(pathToFileURL(file).href)) as { readonly default?: unknown }).default;
  } catch (error) {
    throw invalidModule(module, `it failed while it was loaded: ${textOf(error)}${hintFor(error)}`, error);
  }
  // A CommonJS module that sets `exports.default` arrives as the default's default.
  const inner = (exported as { readonly default?: unknown } | null | undefined)?.default;
  const components = listOf(inner ?? exported);
  if (components.length === 0) {
    throw invalidModule(
      module,
      'expected its default export to be a component made by defineComponent, or a list of them, found none',
    );
  }
  try {
    return new Registry(components as Component[]); // which looks at each
  } catch (error) {
    throw invalidModule(module, textOf(error), error);
  }
}

/** @param module - As a spec or the settings name it. */
export function invalidModule(module: string, problem: string, cause?: unknown): PipelineError {
  const message = `module "${module.slice(0, 500)}": ${problem}`;
  return new PipelineError('MODULE_INVALID', message, cause === undefined ? {} : { cause });
}

/** What an error of the user's code says. */
export function textOf(error: unknown): string {
  if (error instanceof RuntimeError) return error.message;
  return redactedBeginning(error instanceof Error ? error.message : String(error), 500);
}

/** Node does not say where a text is no JavaScript when the error is caught. */
const hintFor = (error: unknown): string =>
  error instanceof SyntaxError ? '; "node --check" of its file, or of one that it imports, shows where' : '';

function listOf(exported: unknown): readonly unknown[] {
  if (Array.isArray(exported)) return exported;
  return exported === undefined || exported === null ? [] : [exported];
}

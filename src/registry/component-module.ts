import { pathToFileURL } from 'node:url';
import { PipelineError, RuntimeError } from '../core/errors.js';
import { importFile } from '../core/import-later.js';
import { redactedBeginning } from '../core/redact.js';
import { cutText } from '../core/shown-text.js';
import type { Component } from '../engine/component.js';
import { Registry } from './registry.js';

/**
 * Loads the components of a module into the calling thread. The default export must be a component made
 * by `defineComponent`, or a list of them. They may come from another copy of this package.
 *
 * @param module - The module as the settings name it, for errors.
 * @param file - The real path of its file.
 * @throws {PipelineError} `MODULE_INVALID` if loading it fails, or it exports no components.
 */
export async function loadComponents(module: string, file: string): Promise<Registry> {
  let exported: unknown;
  try {
    exported = (await importFile(pathToFileURL(file).href)).default;
  } catch (error) {
    throw invalidModule(module, `it failed while it was loaded: ${textOf(error)}${hintFor(error)}`, error);
  }
  // If a CommonJS module sets `exports.default`, that is the property `default` of the default export.
  const inner = (exported as { readonly default?: unknown } | null | undefined)?.default;
  const components = listOf(inner ?? exported);
  if (components.length === 0) {
    throw invalidModule(
      module,
      'expected its default export to be a component made by defineComponent, or a list of them, found none',
    );
  }
  try {
    return new Registry(components as Component[]); // the registry checks each
  } catch (error) {
    throw invalidModule(module, textOf(error), error);
  }
}

/**
 * Creates the error for an invalid module.
 *
 * @param module - The module as a spec or the settings name it.
 */
export function invalidModule(module: string, problem: string, cause?: unknown): PipelineError {
  const message = `module "${cutText(module, 500)}": ${problem}`;
  return new PipelineError('MODULE_INVALID', message, cause === undefined ? {} : { cause });
}

/** Returns the message of an error from user code, redacted and cut to 500 characters unless it is our own. */
export function textOf(error: unknown): string {
  if (error instanceof RuntimeError) return error.message;
  return redactedBeginning(error instanceof Error ? error.message : String(error), 500);
}

/** A hint for syntax errors: Node does not report their position once they are caught. */
const hintFor = (error: unknown): string =>
  error instanceof SyntaxError ? '; "node --check" of its file, or of one that it imports, shows where' : '';

function listOf(exported: unknown): readonly unknown[] {
  if (Array.isArray(exported)) return exported;
  return exported === undefined || exported === null ? [] : [exported];
}

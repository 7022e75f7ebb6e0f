import { specJsonSchema } from '../../plan/spec-json-schema.js';
import type { Terminal } from '../terminal.js';

/** Prints the JSON Schema of a spec. @returns The exit code. */
export async function schema(terminal: Terminal): Promise<number> {
  await terminal.print(`${JSON.stringify(await specJsonSchema(), null, 2)}\n`);
  return 0;
}

import { z } from 'zod';

const path = 'expected the path of a JavaScript module, or the name of a package';
const exported = 'expected the name of an export';

export const ModuleOptions = z.strictObject({
  /** A path (from the working directory, or absolute) or the name of an installed package. */
  path: z
    .string(path)
    .min(1, path)
    .describe('Path of a JavaScript module, from the working directory or absolute, or a package name.'),
  /** Which export is the operator. */
  export: z.string(exported).min(1, exported).default('default').describe('Which export is the operator.'),
  /** Handed to the operator as they are; it says what is wrong with them. */
  options: z.unknown().optional().describe("The operator's own options."),
  /** What code the module brings, which decides how its thread may be ended. */
  loads: z
    .enum(['javascript', 'wasm', 'native'], 'expected one of javascript, wasm, native')
    .default('javascript')
    .describe('What the module brings: a thread with a native addon is never ended by force.'),
});
export type ModuleOptions = z.output<typeof ModuleOptions>;

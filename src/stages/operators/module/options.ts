import { z } from 'zod';
import { PATH_CHARS_MAX } from '../../../core/glob.js';

const path = 'expected the path of a JavaScript module, or the name of a package';
const exported = 'expected the name of an export';

export const ModuleOptions = z.strictObject({
  path: z
    .string(path)
    .min(1, path)
    .max(PATH_CHARS_MAX, path)
    .describe(
      'Path of a JavaScript module (TypeScript from Node 22.18 on), from the working directory or ' +
        'absolute, or the name of an installed package',
    ),
  export: z.string(exported).min(1, exported).default('default').describe('Which export is the operator'),
  options: z
    .unknown()
    .optional()
    .describe('Plain data, passed to the operator as it is. The operator checks it'),
  loads: z
    .enum(['javascript', 'wasm', 'native'], 'expected one of javascript, wasm, native')
    .default('javascript')
    .describe(
      'What kind of code the module brings. A job with a native addon runs in a process of its own; in a thread, it is asked to end, and ' +
        'never ended by force',
    ),
});
export type ModuleOptions = z.output<typeof ModuleOptions>;

/**
 * Builds the kernels, AssemblyScript in `src/formats/kernels/assembly`, into bytes in a source: `node .ci/kernels.mjs`. With `--check`
 * it only says whether these are the bytes of the kernels as they are.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';

const SOURCE = 'src/formats/kernels/assembly';
const TARGET = 'src/formats/kernels/kernel-bytes.ts';
/** 64 KB each: what `memory.ts` there lays out. Never grown, so that views of it stay valid. */
const PAGES = '11';

const built = new Map();
const { error, stderr } = await asc.main(
  [
    ...[`${SOURCE}/main.ts`, '--outFile', 'kernels.wasm', '--optimizeLevel', '3', '--converge', '--noAssert'],
    ...['--runtime', 'stub', '--enable', 'simd', '--initialMemory', PAGES, '--maximumMemory', PAGES],
  ],
  { writeFile: (name, content) => void built.set(name, content) },
);
if (error) {
  console.error(`${error.message}\n${stderr}`);
  process.exit(1);
}
const bytes = Buffer.from(built.get('kernels.wasm'));
const { memory, MEMORY_END } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
if (MEMORY_END.value > memory.buffer.byteLength) {
  console.error(
    `${PAGES} pages have ${memory.buffer.byteLength} bytes: memory.ts lays out ${MEMORY_END.value}`,
  );
  process.exit(1);
}
const lines = bytes
  .toString('base64')
  .match(/.{1,100}/g)
  .map((line) => `  '${line}'`);
const text = `// Written by .ci/kernels.mjs from ${SOURCE}: do not edit.

/** The WebAssembly module of the kernels, in base64. */
export const KERNEL_BYTES =
${lines.join(' +\n')};
`;

if (process.argv[2] === '--check') {
  const isSame = readFileSync(TARGET, 'utf8') === text;
  console.log(
    isSame ? 'the kernels are as built' : `${TARGET} is not of these kernels: run "node .ci/kernels.mjs"`,
  );
  process.exitCode = isSame ? 0 : 1;
} else {
  writeFileSync(TARGET, text);
  console.log(`${bytes.length} bytes of kernels`);
}

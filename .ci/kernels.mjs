/**
 * Builds the kernels, AssemblyScript in folders `assembly`, each into bytes in a source beside it:
 * `node .ci/kernels.mjs`. With `--check` it only says whether these are the bytes of the kernels as they are.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import asc from 'assemblyscript/asc';

/** Pages of 64 kB: what `memory.ts` there lays out. Never grown, so that views of it stay valid. */
const MODULES = [
  { folder: 'src/formats/kernels', pages: '11' },
  { folder: 'src/formats/gzip', pages: '7' },
  { folder: 'src/formats/parquet/kernels', pages: '5' },
  { folder: 'src/stages/operators/bars/kernels', pages: '7' },
];

for (const { folder, pages } of MODULES) {
  const source = `${folder}/assembly`;
  const target = `${folder}/kernel-bytes.ts`;
  const bytes = await compiled(source, pages);
  const text = textOf(bytes, source);
  if (process.argv[2] === '--check') {
    const isSame = readFileSync(target, 'utf8') === text;
    console.log(
      isSame
        ? `${target} is as built`
        : `${target} is not of the kernels beside it: run "node .ci/kernels.mjs"`,
    );
    if (!isSame) process.exitCode = 1;
  } else {
    writeFileSync(target, text);
    console.log(`${target}: ${bytes.length} bytes of kernels`);
  }
}

async function compiled(source, pages) {
  const built = new Map();
  const { error, stderr } = await asc.main(
    [
      ...[
        `${source}/main.ts`,
        '--outFile',
        'kernels.wasm',
        '--optimizeLevel',
        '3',
        '--converge',
        '--noAssert',
      ],
      ...['--runtime', 'stub', '--enable', 'simd', '--initialMemory', pages, '--maximumMemory', pages],
    ],
    { writeFile: (name, content) => void built.set(name, content) },
  );
  if (error) throw new Error(`${source}: ${error.message}\n${stderr}`);
  const bytes = Buffer.from(built.get('kernels.wasm'));
  const { memory, MEMORY_END } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  if (MEMORY_END.value > memory.buffer.byteLength) {
    const has = memory.buffer.byteLength;
    throw new Error(`${source}: ${pages} pages have ${has} bytes: memory.ts lays out ${MEMORY_END.value}`);
  }
  return bytes;
}

function textOf(bytes, source) {
  const lines = bytes
    .toString('base64')
    .match(/.{1,100}/g)
    .map((line) => `  '${line}'`);
  return `// Written by .ci/kernels.mjs from ${source}: do not edit.

/** The WebAssembly module of the kernels, in base64. */
export const KERNEL_BYTES =
${lines.join(' +\n')};
`;
}

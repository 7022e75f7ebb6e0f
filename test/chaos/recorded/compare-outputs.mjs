/** Compares the outputs of two runs, row for row, and looks for files that should not be there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';

const STATE = /^\..*\.tickloom$/;
/** What stays beside an output of which no run is at work. */
const KEPT = /^(runs(\/(\d+|ended-\d+))?|(columns|published)\.json)$/;

/**
 * @param wanted - Folder with the outputs of the undisturbed run.
 * @param found - Folder with those of the disturbed one.
 * @returns How many rows and files were compared, and what differs.
 */
export async function compareOutputs(wanted, found) {
  const problems = [];
  let rows = 0;
  const [wantedParts, foundParts] = [partsIn(wanted), partsIn(found)];
  for (const folder of new Set([...wantedParts.keys(), ...foundParts.keys()])) {
    const [these, those] = [wantedParts.get(folder) ?? [], foundParts.get(folder) ?? []];
    const [expected, actual] = [await rowsOf(these), await rowsOf(those)];
    rows += expected.length;
    const at = firstDifference(expected, actual);
    if (at >= 0) {
      const sides = `expected ${expected[at] ?? 'no row'}, found ${actual[at] ?? 'no row'}`;
      problems.push(
        `${folder}: ${expected.length} rows expected, ${actual.length} found; row ${at + 1}: ${sides}`,
      );
    } else if (
      these.length !== those.length ||
      these.some((file, i) => !bytesOf(file).equals(bytesOf(those[i])))
    ) {
      problems.push(
        `${folder}: the rows are the same, but not the ${these.length} files: ${those.map((file) => basename(file))}`,
      );
    }
    const runs = new Set(those.map((file) => /-([a-z0-9]{10})-\d+-\d+\./.exec(basename(file))?.[1]));
    if (runs.size > 1)
      problems.push(`${folder}: files of ${runs.size} runs: ${those.map((file) => basename(file))}`);
  }
  const files = [...foundParts.values()].reduce((sum, parts) => sum + parts.length, 0);
  return { rows, files, problems: [...problems, ...remainsIn(found)] };
}

/** Parts by folder below the root, in the order of their rows. */
export function partsIn(root) {
  const parts = new Map();
  for (const file of filesIn(root).filter((path) => !isState(relative(root, path)))) {
    const folder = relative(root, dirname(file));
    parts.set(folder, [...(parts.get(folder) ?? []), file]);
  }
  return parts;
}

const isState = (path) => path.split('/').some((name) => STATE.test(name));

const filesIn = (root) =>
  existsSync(root)
    ? readdirSync(root, { recursive: true })
        .map((name) => join(root, name))
        .filter((path) => statSync(path).isFile())
        .sort()
    : [];

/** What is left of work that is over. */
function remainsIn(root) {
  return filesIn(root)
    .map((path) => relative(root, path))
    .filter(isState)
    .filter((path) => !KEPT.test(path.slice(path.indexOf('.tickloom/') + '.tickloom/'.length)))
    .filter((path) => !isCutOff(join(root, path)))
    .map((path) => `left behind: ${path}`);
}

/** The entry of a run that was killed as it wrote it: it says of nobody, so nobody may remove it. */
function isCutOff(path) {
  if (!basename(path).startsWith('entering-')) return false;
  try {
    JSON.parse(readFileSync(path, 'utf8'));
    return false;
  } catch {
    return true;
  }
}

/** Of gzip, what was packed. */
const bytesOf = (file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)) : readFileSync(file));

async function rowsOf(files) {
  const rows = [];
  for (const file of files) {
    const bytes = bytesOf(file);
    if (file.endsWith('.parquet')) {
      const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      for (const row of await parquetReadObjects({ file: buffer })) rows.push(textOf(row));
      continue;
    }
    // The header of a CSV is compared, too.
    for (const line of bytes.toString().split('\n')) if (line !== '') rows.push(line);
  }
  return rows;
}

const textOf = (row) =>
  JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? `${value}` : value));

function firstDifference(a, b) {
  for (let at = 0; at < Math.max(a.length, b.length); at++) if (a[at] !== b[at]) return at;
  return -1;
}

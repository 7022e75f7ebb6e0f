import { PipelineError } from '../../core/errors.js';
import { type FileBytes, openFileBytes } from '../file-bytes.js';
import type { FileFormat } from '../file-decoder.js';
import { ByteWindow } from './byte-window.js';
import { planColumns } from './column-plan.js';
import { CsvDecoder } from './csv-decoder.js';
import { type Header, layOutFile } from './csv-layout.js';
import type { CsvOptions } from './csv-options.js';
import { ROW_BYTES_MAX, type RowForm, RowScanner } from './row-scanner.js';
import { fieldText, SplitRow } from './split-row.js';

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
/** Bytes at the front of a file that are checked for binary data. */
const PROBE_BYTES = 4_096;

/** CSV: rows of delimited fields (RFC 4180, with any delimiter), in UTF-8. */
export const csvFormat: FileFormat<CsvOptions> = {
  plan: (options, problems) => planColumns(options, problems).schema,

  async open(file, options, context, direction = 'ascending', given) {
    const { columns } = planColumns(options, { add() {} });
    const form: RowForm = {
      delimiter: options.delimiter.charCodeAt(0),
      comment: Buffer.from(options.comment ?? ''),
    };
    const bytes = given ?? (await openFileBytes(file));
    try {
      const window = new ByteWindow();
      await readFront(file, bytes, window, options);
      const header =
        options.header === true ? await readHeader(file, bytes, window, form) : givenHeader(options.header);
      const layout = await layOutFile(file, columns, header, context.dictionaries);
      const scan = { ...form, header: header?.names };
      const scanner = new RowScanner(layout.fields, context.batchRows, scan);
      scanner.restart(header?.nextLine ?? 1);
      const maxJumpNs = options.maxJump === 'none' ? Number.POSITIVE_INFINITY : options.maxJump;
      const parts = { bytes, window, scanner, scan, layout, context, direction, maxJumpNs };
      return new CsvDecoder(file, parts);
    } catch (error) {
      await bytes.close();
      throw error;
    }
  },
};

const corrupt = (file: string, line: number, expected: string, found: string): PipelineError =>
  new PipelineError('INPUT_CORRUPT', `${file}:${line}: expected ${expected}, found ${found}`);

/** Reads the first chunk, without a byte order mark. */
async function readFront(
  file: string,
  bytes: FileBytes,
  window: ByteWindow,
  { header }: CsvOptions,
): Promise<void> {
  const chunk = await bytes.next();
  if (!chunk) throw corrupt(file, 1, header === true ? 'a header and rows' : 'rows', 'an empty file');
  const zero = chunk.subarray(0, PROBE_BYTES).indexOf(0);
  if (zero >= 0) {
    throw corrupt(
      file,
      1,
      'CSV in UTF-8, plain or gzip',
      `binary data or UTF-16 (a zero byte at offset ${zero})`,
    );
  }
  window.append(chunk);
  if (BYTE_ORDER_MARK.every((byte, i) => window.bytes[i] === byte)) window.start = BYTE_ORDER_MARK.length;
}

const givenHeader = (names: readonly string[] | false): Header | undefined =>
  names === false ? undefined : { names, line: 1, nextLine: 1 };

/** Reads the first row that is neither a blank line nor a comment. */
async function readHeader(
  file: string,
  bytes: FileBytes,
  window: ByteWindow,
  { delimiter, comment }: RowForm,
): Promise<Header> {
  const row = new SplitRow();
  for (let line = 1; ; ) {
    const passed = passOver(window, comment);
    if (passed > 0) {
      line += passed;
      continue;
    }
    if (passed === 0 && row.split(window.bytes, window.start, window.end, delimiter)) {
      const names = Array.from({ length: row.fields }, (_, i) =>
        fieldText(window.bytes, row.bounds[2 * i]!, row.bounds[2 * i + 1]!, row.doubled[i]!),
      );
      window.start = row.next;
      return { names, line, nextLine: line + row.lines };
    }
    if (passed === 0 && row.fault === 'after-quote') {
      throw corrupt(file, line, 'a delimiter or a line end after the closing quote', 'more text');
    }
    if (window.sealed || window.end - window.start > ROW_BYTES_MAX) {
      const found = window.start === window.end ? 'the end of the file' : 'a line that does not end';
      throw corrupt(file, line, 'a header', found);
    }
    const chunk = await bytes.next();
    if (chunk) window.append(chunk);
    else window.seal();
  }
}

/** @returns 1 if it skipped a blank line or a comment, 0 if there is none, −1 if more bytes are needed. */
function passOver(window: ByteWindow, comment: Uint8Array): 1 | 0 | -1 {
  const line = window.bytes.subarray(window.start, window.end);
  const isComment = comment.length > 0 && comment.every((byte, i) => line[i] === byte);
  const lineEnd = line.indexOf(10);
  const isBlank = lineEnd === 0 || (lineEnd === 1 && line[0] === 13);
  if (!isBlank && !isComment) return 0;
  if (lineEnd < 0) return -1;
  window.start += lineEnd + 1;
  return 1;
}

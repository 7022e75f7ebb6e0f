import type { Schema } from '../../../columns/schema.js';
import type { SinkFactory } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';
import type { TextDialect } from '../../../formats/text/text-column.js';
import { TextPartEncoder } from '../../../formats/text/text-encoder.js';
import { type FileSystem, nodeFileSystem } from '../../../outputs/disk/file-system.js';
import type { OpenFilesLimits } from '../../../outputs/staging/open-files.js';
import { checkFileSink, fileSchema, makeFileSink } from '../files/make-file-sink.js';
import { checkCompression, isGzip, namesSingleFile, textOutput } from '../files/text-output.js';
import { writtenText } from '../files/written-path.js';
import type { CsvSinkOptions } from './options.js';

/**
 * Writes rows as CSV (RFC 4180, lines end in `\n`): numbers in the shortest form that reads back as the
 * same value, a missing value as an empty field, an empty string as `""`.
 */
export const csvSink = {
  plan(options: CsvSinkOptions, input: Schema, problems) {
    const single = namesSingleFile(options.path, EXTENSIONS);
    checkCompression(options, single, problems);
    checkFileSink(options, single, input, problems);
  },

  files: (options: CsvSinkOptions) => ({ writes: [writtenText(options, EXTENSIONS)] }),

  /** @param fs - For tests, like `limits`. */
  create(
    options: CsvSinkOptions,
    input: Schema,
    context: StageContext,
    fs: FileSystem = nodeFileSystem,
    limits?: OpenFilesLimits,
  ) {
    const schema = fileSchema(options, input);
    const dialect = csvDialect(options, schema);
    const names = schema.columns.map(({ name }) => quoted(name, options.delimiter));
    const header = options.header ? Buffer.from(`${names.join(options.delimiter)}\n`) : NOTHING;
    const output = textOutput(options, EXTENSIONS, header, schema, context, fs, limits);
    const format = { dialect, header, rowEnd: Buffer.from('\n'), gzip: isGzip(options) };
    const makeEncoder = () => new TextPartEncoder(schema, format, context.memory.share('text buffer'));
    return makeFileSink({ options, input, context, output, makeEncoder });
  },
} satisfies SinkFactory<CsvSinkOptions>;

const EXTENSIONS = ['csv'] as const;
const NOTHING = new Uint8Array(0);

function csvDialect({ delimiter, timeFormat }: CsvSinkOptions, { columns }: Schema): TextDialect {
  return {
    timeFormat,
    before: (_column, index) => (index === 0 ? NOTHING : Buffer.from(delimiter)),
    text: (value) => Buffer.from(quoted(value, delimiter)),
    // With one column, a null would be an empty line, which readers skip together with its row.
    nullText: columns.length === 1 ? '""' : '',
    nonFinite: String,
  };
}

function quoted(value: string, delimiter: string): string {
  if (value !== '' && !value.includes(delimiter) && !/["\r\n]/.test(value)) return value;
  return `"${value.replaceAll('"', '""')}"`;
}

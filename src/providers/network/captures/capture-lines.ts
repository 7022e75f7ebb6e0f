import { Buffer } from 'node:buffer';
import { PipelineError } from '../../../core/errors.js';
import { textOf } from '../received-frame.js';

/**
 * The lines of a capture: `RECEIVED_NS CONNECTION KIND BODY`, where connections and requests are numbered together.
 *
 * | kind             | body                                                                             |
 * | ---------------- | -------------------------------------------------------------------------------- |
 * | `capture`        | the first line, of connection 0: `{"version":1,…}`                               |
 * | `open`           | a socket is asked for: `{"url":"wss://host/path","label":…}`, without its query  |
 * | `opened`         | it is open                                                                       |
 * | `<`              | a text came, exactly as it stands there                                          |
 * | `<j`             | a text with line breaks came: as a JSON string                                   |
 * | `<b`             | bytes came: as Base64                                                            |
 * | `>`, `>j`, `>b`  | was sent. Credentials are hidden in texts; bytes are left out                    |
 * | `.`              | a ping or a pong came                                                            |
 * | `held`, `freed`  | it was not read on, since the capture was written too slowly; it was read again   |
 * | `closed`         | the socket has ended: `{"code":1006,"reason":"","isOwn":false,"error":…}`        |
 * | `ask`            | a request is made: `{"method":"GET","url":"https://host/path","label":…}`        |
 * | `answer`         | its answer: `{"status":200,"headers":{…}}`; the next line of its number is a body |
 * | `failed`         | it failed, or the opening did: `{"kind":"unavailable","message":…}`              |
 * | `lost`           | so much came and is not in the capture: `{"lines":3}`                            |
 * | `end`            | the last line, of connection 0. Without it, the capture was cut off              |
 */
export const CAPTURE_VERSION = 1;

export const LINE_KINDS = [
  'capture',
  'open',
  'opened',
  '<',
  '<j',
  '<b',
  '>',
  '>j',
  '>b',
  '.',
  'held',
  'freed',
  'closed',
  'ask',
  'answer',
  'failed',
  'lost',
  'end',
] as const;
export type LineKind = (typeof LINE_KINDS)[number];

/** A line, as it is read. */
export interface CaptureLine {
  /** Ns since 1970 UTC. */
  readonly atNs: bigint;
  readonly connection: number;
  readonly kind: LineKind;
  readonly body: Uint8Array;
}

const KINDS: ReadonlySet<string> = new Set(LINE_KINDS);
const NEW_LINE = 10;
const RETURN = 13;
const SPACE = 32;

/** The kind of line that a message needs, and its bytes there. */
export function asLine(
  direction: '<' | '>',
  bytes: Uint8Array,
  isText: boolean,
): { readonly kind: LineKind; readonly body: Uint8Array } {
  if (!isText) {
    const { buffer, byteOffset, byteLength } = bytes;
    return {
      kind: `${direction}b`,
      body: Buffer.from(Buffer.from(buffer, byteOffset, byteLength).toString('base64'), 'latin1'),
    };
  }
  if (!bytes.includes(NEW_LINE) && !bytes.includes(RETURN)) return { kind: direction, body: bytes };
  return { kind: `${direction}j`, body: Buffer.from(JSON.stringify(textOf(bytes))) };
}

/**
 * The message of a line: what `asLine` was given.
 *
 * @param where - For messages: the file and the number of the line.
 * @throws {PipelineError} `INPUT_CORRUPT` for a text with line breaks that is no JSON string.
 */
export function messageOfLine(
  { kind, body }: Pick<CaptureLine, 'kind' | 'body'>,
  where: () => string,
): { readonly bytes: Uint8Array; readonly isText: boolean } {
  if (kind.endsWith('b')) return { bytes: Buffer.from(textOf(body), 'base64'), isText: false };
  if (!kind.endsWith('j')) return { bytes: body, isText: true };
  const text = jsonIn(body);
  if (typeof text === 'string') return { bytes: Buffer.from(text), isText: true };
  throw new PipelineError(
    'INPUT_CORRUPT',
    `${where()}: expected a message as a JSON string, found something else`,
  );
}

/**
 * @param line - Without its line break.
 * @param where - For messages: the file and the number of the line.
 * @throws {PipelineError} `INPUT_CORRUPT` if it is no line of a capture.
 */
export function parseLine(line: Uint8Array, where: () => string): CaptureLine {
  const first = line.indexOf(SPACE);
  const second = line.indexOf(SPACE, first + 1);
  const third = line.indexOf(SPACE, second + 1);
  const ns = textOf(line.subarray(0, Math.max(0, first)));
  const number = textOf(line.subarray(first + 1, Math.max(0, second)));
  const kind = textOf(line.subarray(second + 1, third < 0 ? line.length : third));
  if (first < 0 || second < 0 || !/^\d{1,19}$/.test(ns) || !/^\d{1,9}$/.test(number) || !KINDS.has(kind)) {
    throw new PipelineError(
      'INPUT_CORRUPT',
      `${where()}: expected "RECEIVED_NS CONNECTION KIND BODY", found something else: is it a capture?`,
    );
  }
  return {
    atNs: BigInt(ns),
    connection: Number(number),
    kind: kind as LineKind, // looked up above
    body: third < 0 ? new Uint8Array(0) : line.subarray(third + 1),
  };
}

/** The JSON of a line. @throws {PipelineError} `INPUT_CORRUPT` if it is no mapping. */
export function fieldsOfLine({ body }: CaptureLine, where: () => string): Readonly<Record<string, unknown>> {
  const value = jsonIn(body);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  throw new PipelineError('INPUT_CORRUPT', `${where()}: expected a mapping as JSON, found something else`);
}

/** @returns `undefined` if it is no JSON. */
function jsonIn(body: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(body));
  } catch {
    return undefined;
  }
}

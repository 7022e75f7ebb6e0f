import type { ControlRecord } from '../columns/control-record.js';
import { type PlainRecord, plainRecord, recordOf } from '../columns/plain-record.js';
import { type ColumnType, elementsPerRow, type Schema } from '../columns/schema.js';

/** The kinds of frames in the ring of a topic. */
export const FrameKind = {
  /** Rows: the word is their number, then column after column, each from a multiple of 8 bytes on. */
  rows: 0,
  /** A part of a note; the word is its length in bytes. Another part follows. */
  notePart: 1,
  /** The last part of a note: what the next rows need. */
  noteEnd: 2,
  /** The stream has ended; the word says how, as an index into `STREAM_ENDS`. Nothing follows. */
  end: 3,
} as const;

/** How a stream ends. After `suspended`, the next producer goes on with it. */
export const STREAM_ENDS = ['completed', 'drained', 'failed', 'suspended'] as const;
export type StreamEnd = (typeof STREAM_ENDS)[number];

/**
 * Why a consumer gets nothing more: its queue is full, the producer has no memory for what waits, or the stream
 * has ended and it took too long for the last rows.
 */
export const CUT_OFFS = ['full', 'memory', 'end'] as const;
export type CutOff = (typeof CUT_OFFS)[number];

/** What rows need besides their columns: strings that the reader has not had yet, and control records. */
export interface RowNote {
  /** For each dictionary that has grown: the columns that hold its ids, and its next strings. */
  readonly strings: readonly { readonly columns: readonly number[]; readonly values: readonly string[] }[];
  /** Placed among the rows of the next frame of rows. */
  readonly controls: readonly { readonly row: number; readonly record: ControlRecord }[];
}

interface PlainNote {
  readonly strings: RowNote['strings'];
  readonly controls: readonly { readonly row: number; readonly record: PlainRecord }[];
}

export function encodeNote({ strings, controls }: RowNote): Uint8Array {
  const plain: PlainNote = {
    strings,
    controls: controls.map(({ row, record }) => ({ row, record: plainRecord(record) })),
  };
  return new TextEncoder().encode(JSON.stringify(plain));
}

export function decodeNote(bytes: Uint8Array): RowNote {
  const { strings, controls } = JSON.parse(new TextDecoder().decode(bytes)) as PlainNote; // from `encodeNote`
  return { strings, controls: controls.map(({ row, record }) => ({ row, record: recordOf(record) })) };
}

/** Bytes of so many values of a column in a frame. */
export function columnBytes(type: ColumnType, rows: number): number {
  const bytes = rows * elementsPerRow(type) * elementBytes(type);
  return (bytes + 7) & ~7;
}

/** Bytes of a frame with so many rows. */
export function rowsBytes({ columns }: Schema, rows: number): number {
  let bytes = 0;
  for (const { type } of columns) bytes += columnBytes(type, rows);
  return bytes;
}

/** Bytes of a ring for such rows: at least what is asked for, and room for some rows, however wide they are. */
export function ringBytesFor(schema: Schema, asked: number): number {
  return Math.max(asked, 2 ** Math.ceil(Math.log2(8 * rowsBytes(schema, 1))));
}

/** The most rows whose frame has at most so many bytes; at least one. */
export function rowsIn(schema: Schema, bytes: number): number {
  const padding = 8 * schema.columns.length;
  return Math.max(1, Math.floor((bytes - padding) / Math.max(1, rowsBytes(schema, 8) / 8)));
}

/** Bytes of one element of a column's array. */
export function elementBytes(type: ColumnType): number {
  if (type === 'float64') return 8;
  return type === 'enum' || type === 'boolean' ? 1 : 4;
}

/**
 * Converts batches to and from Apache Arrow. Entry of the sub-path `tickloom/arrow`.
 *
 * | column    | Arrow                          | memory                                        |
 * | --------- | ------------------------------ | --------------------------------------------- |
 * | timestamp | Timestamp(ns, UTC)             | shared                                        |
 * | int64     | Int64                          | shared                                        |
 * | float64   | Float64                        | shared; nulls (NaN) get a bitmap, a bit a row |
 * | int32     | Int32                          | shared                                        |
 * | string    | Dictionary(Utf8, Int32)        | ids shared; strings encoded if new ones came  |
 * | enum      | Dictionary(Utf8, Uint8)        | shared                                        |
 * | boolean   | Bool                           | copied: Arrow packs booleans into bits        |
 */
export { type FromArrowOptions, fromArrow } from './from-arrow.js';
export { type ToArrowOptions, toArrow } from './to-arrow.js';

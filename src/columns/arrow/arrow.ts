/**
 * Batches as Apache Arrow and back. Entry of the sub-path `tickloom/arrow`.
 *
 * | column    | Arrow                          | memory                                        |
 * | --------- | ------------------------------ | --------------------------------------------- |
 * | timestamp | Timestamp(ns, UTC)             | shared                                        |
 * | int64     | Int64                          | shared                                        |
 * | float64   | Float64                        | shared; nulls (NaN) get a bitmap, a bit a row |
 * | int32     | Int32                          | shared                                        |
 * | string    | Dictionary(Utf8, Int32)        | ids shared; the strings once a batch          |
 * | enum      | Dictionary(Utf8, Uint8)        | shared                                        |
 * | boolean   | Bool                           | packed into bits: Arrow has no byte a boolean |
 *
 * @module tickloom/arrow
 */
export { type FromArrowOptions, fromArrow } from './from-arrow.js';
export { type ToArrowOptions, toArrow } from './to-arrow.js';

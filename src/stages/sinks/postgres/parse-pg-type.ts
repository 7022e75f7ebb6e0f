import { PG_OIDS, type PgType, type PgTypeName } from '../../../formats/pg-copy/pg-types.js';

const TYPE = /^([a-z][a-z0-9]*)(?:\((\d{1,5})(?:, ?(\d{1,4}))?\))?$/;
const PRECISION_MAX = 1_000;
const CHARACTERS_MAX = 10_485_760;

/** @returns `undefined` for a text that is no type that rows can be written to. */
export function parsePgType(text: string): PgType | undefined {
  const [, name, first, second] = TYPE.exec(text) ?? [];
  if (name === undefined || !Object.hasOwn(PG_OIDS, name)) return undefined;
  const type = { name: name as PgTypeName }; // it is a key of the table
  if (first === undefined) return type;
  const size = Number(first);
  if (size < 1) return undefined;
  if (name === 'varchar')
    return second === undefined && size <= CHARACTERS_MAX ? { ...type, characters: size } : undefined;
  const scale = Number(second ?? 0);
  if (name !== 'numeric' || size > PRECISION_MAX || scale > size) return undefined;
  return { ...type, precision: size, scale };
}

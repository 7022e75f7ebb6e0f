import { RANDOM_NAME } from '../disk/random-name.js';

/** Characters that are not encoded in the name of a partition's folder. */
const SIGN = '[A-Za-z0-9_.-]';
const IS_SIGN = new RegExp(`^${SIGN}$`);
const CODED = `(?:${SIGN}|%[0-9A-F]{2})`;

/** As a regular expression: the folder of a partition, such as `symbol=BTC%2FUSD`. */
export const PARTITION = `${CODED}+=${CODED}*`;

/**
 * Encodes a name or a value for the name of a partition's folder. Any text is possible, and none leads to
 * another directory.
 */
export function coded(text: string): string {
  return [...Buffer.from(text)]
    .map((byte) => {
      const sign = String.fromCharCode(byte);
      return IS_SIGN.test(sign) ? sign : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** The facts in a part's name. The parts of a run sort by epoch, then by sequence. */
export interface PartId {
  readonly run: string;
  readonly epoch: number;
  readonly sequence: number;
}

// No other path separators: such a name could make us touch a file elsewhere.
const PART = new RegExp(
  `^(?:${PARTITION}/)*[A-Za-z0-9][A-Za-z0-9._-]*-(${RANDOM_NAME})-(\\d{5,})-(\\d{6,})\\.[a-z]+(?:\\.gz)?$`,
);

/** The name inside its partition: `<job>-<run>-<epoch>-<sequence>.<extension>` */
export function partName(job: string, { run, epoch, sequence }: PartId, extension: string): string {
  return `${job}-${run}-${digits(epoch, 5)}-${digits(sequence, 6)}.${extension}`;
}

/**
 * Parses the name of a part.
 *
 * @param name - Includes the folders of its partition, if it is in one.
 * @returns `undefined` for a file that was not named by one of our runs.
 */
export function parsePartName(name: string): PartId | undefined {
  const found = PART.exec(name);
  return found ? { run: found[1]!, epoch: Number(found[2]), sequence: Number(found[3]) } : undefined;
}

export const isPart = (name: string): boolean => parsePartName(name) !== undefined;

export const isPartOfAnother = (run: string, name: string): boolean => {
  const part = parsePartName(name);
  return part !== undefined && part.run !== run;
};

export function isAfter(
  a: Pick<PartId, 'epoch' | 'sequence'>,
  b: Pick<PartId, 'epoch' | 'sequence'>,
): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);
}

export const digits = (value: number, width: number): string => String(value).padStart(width, '0');

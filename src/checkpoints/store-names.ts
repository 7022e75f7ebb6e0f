/** A file in the folder of a key, as described by its name. */
export interface StoreFile {
  readonly name: string;
  readonly kind: 'claim' | 'checkpoint' | 'none' | 'strings' | 'temporary';
  readonly epoch: number;
  /** The token of the claim that it belongs to; empty for a claim itself. */
  readonly token: string;
  /** For a checkpoint: its number within its claim, where 0 is the one that the claim found. */
  readonly number: number;
  /** Of a checkpoint: where in the file it begins. Past 0, the file is the log of its strings. */
  readonly offset: number;
  /** Of a log of strings; of others, none. */
  readonly id: string;
}

const NAME =
  /^(?:(\d{8,15})\.claim|(\d{8,15})-([a-z0-9]{1,40})-(?:(\d{8,15})(?:-(\d{1,12}))?\.(checkpoint|none)|([a-z0-9]+)\.(strings|tmp)))$/;

export const claimName = (epoch: number): string => `${digits(epoch)}.claim`;
/** @param offset - See `StoreFile`. */
export const checkpointName = (epoch: number, token: string, number: number, offset: number): string =>
  `${digits(epoch)}-${token}-${digits(number)}${offset > 0 ? `-${offset}` : ''}.checkpoint`;
/** In the place of a checkpoint: there was none to go on from. */
export const noneName = (epoch: number, token: string): string =>
  `${digits(epoch)}-${token}-${digits(0)}.none`;
/** @param id - The id of the log, which is the same under any claim. */
export const stringsName = (epoch: number, token: string, id: string): string =>
  `${digits(epoch)}-${token}-${id}.strings`;
export const temporaryName = (epoch: number, token: string, id: string): string =>
  `${digits(epoch)}-${token}-${id}.tmp`;

/** Parses the names that belong to the store; other names are ignored. */
export function readNames(names: readonly string[]): StoreFile[] {
  const files: StoreFile[] = [];
  for (const name of names) {
    const found = NAME.exec(name);
    if (!found) continue;
    const [, claim, epoch, token, number, offset = 0, saved, id, other] = found;
    const none = { token: '', number: 0, offset: 0, id: '' };
    if (claim !== undefined) {
      files.push({ ...none, name, kind: 'claim', epoch: Number(claim) });
      continue;
    }
    const of = { ...none, name, epoch: Number(epoch), token: token! }; // by the pattern, as all of these
    if (saved !== undefined) {
      const kind = saved as 'checkpoint' | 'none';
      files.push({ ...of, kind, number: Number(number), offset: Number(offset) });
    } else if (other === 'strings') {
      files.push({ ...of, kind: 'strings', id: id! });
    } else {
      files.push({ ...of, kind: 'temporary' });
    }
  }
  return files;
}

/** Returns the highest claimed epoch; 0 if there is no claim yet. */
export const lastEpoch = (files: readonly StoreFile[]): number =>
  files.reduce((last, { kind, epoch }) => (kind === 'claim' && epoch > last ? epoch : last), 0);

const digits = (value: number): string => String(value).padStart(8, '0');

/** What stands in the folder of a key, by its name. */
export interface StoreFile {
  readonly name: string;
  readonly kind: 'claim' | 'checkpoint' | 'none' | 'strings' | 'temporary';
  readonly epoch: number;
  /** Of the claim that it belongs to; of a claim itself, none. */
  readonly token: string;
  /** Of a checkpoint: it counts those of its claim, 0 being the one that the claim found. */
  readonly number: number;
  /** Of a log of strings; of others, none. */
  readonly id: string;
}

const NAME =
  /^(?:(\d{8,15})\.claim|(\d{8,15})-([a-z0-9]{1,40})-(?:(\d{8,15})\.(checkpoint|none)|([a-z0-9]+)\.(strings|tmp)))$/;

export const claimName = (epoch: number): string => `${digits(epoch)}.claim`;
export const checkpointName = (epoch: number, token: string, number: number): string =>
  `${digits(epoch)}-${token}-${digits(number)}.checkpoint`;
/** In the place of a checkpoint: there was none to go on from. */
export const noneName = (epoch: number, token: string): string =>
  `${digits(epoch)}-${token}-${digits(0)}.none`;
/** @param id - Of the log: the same under whatever claim. */
export const stringsName = (epoch: number, token: string, id: string): string =>
  `${digits(epoch)}-${token}-${id}.strings`;
export const temporaryName = (epoch: number, token: string, id: string): string =>
  `${digits(epoch)}-${token}-${id}.tmp`;

/** All that are ours; other names are left alone. */
export function readNames(names: readonly string[]): StoreFile[] {
  const files: StoreFile[] = [];
  for (const name of names) {
    const found = NAME.exec(name);
    if (!found) continue;
    const [, claim, epoch, token, number, saved, id, other] = found;
    if (claim !== undefined) {
      files.push({ name, kind: 'claim', epoch: Number(claim), token: '', number: 0, id: '' });
      continue;
    }
    const of = { name, epoch: Number(epoch), token: token! }; // by the pattern, as all of these
    if (saved !== undefined) {
      files.push({ ...of, kind: saved as 'checkpoint' | 'none', number: Number(number), id: '' });
    } else if (other === 'strings') {
      files.push({ ...of, kind: 'strings', number: 0, id: id! });
    } else {
      files.push({ ...of, kind: 'temporary', number: 0, id: '' });
    }
  }
  return files;
}

/** 0: nobody has claimed it yet. */
export const lastEpoch = (files: readonly StoreFile[]): number =>
  files.reduce((last, { kind, epoch }) => (kind === 'claim' && epoch > last ? epoch : last), 0);

const digits = (value: number): string => String(value).padStart(8, '0');

import { createHash } from 'node:crypto';

/** Names of files may have 255 bytes; some of them are left for what is put behind. */
const NAME_LENGTH_MAX = 200;
const PREFIX_LENGTH = 120;

/**
 * The name of a key's folder: letters a to z, digits, `-` and `_` stay, every other byte becomes `%` and
 * two digits. So nothing of a key leads out of the folder that it is in, no name begins with a dot, and
 * two keys never share a folder, not even where file names know no upper case. Long ones end in a digest.
 */
export function folderOfKey(key: string): string {
  let name = '';
  for (const byte of Buffer.from(key)) {
    const sign = String.fromCharCode(byte);
    name += /[a-z0-9_-]/.test(sign) ? sign : `%${byte.toString(16).padStart(2, '0')}`;
  }
  if (name.length <= NAME_LENGTH_MAX) return name;
  return `${name.slice(0, PREFIX_LENGTH)}%%${createHash('sha256').update(key).digest('hex')}`;
}

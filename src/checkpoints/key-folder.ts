import { createHash } from 'node:crypto';

/** File names may have 255 bytes; this leaves some for a suffix. */
const NAME_LENGTH_MAX = 200;
const PREFIX_LENGTH = 120;

/**
 * Returns the folder name of a key. The letters a to z, digits, `-` and `_` are kept; every other byte becomes
 * `%` and two hex digits. So a key cannot lead out of its parent folder, no name begins with a dot, and two
 * keys never share a folder, even on file systems that ignore case. Long names end in a digest.
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

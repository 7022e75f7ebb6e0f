/**
 * Returns a fixed share for each key, above 0 and up to 1. Shares are spread evenly, even for keys that
 * differ in one character: FNV-1a over UTF-16, with the final mix of MurmurHash3.
 */
export function shareOfKey(key: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 1) / 4_294_967_296;
}

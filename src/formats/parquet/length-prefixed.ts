/** Prefixes bytes with their length, in four bytes. */
export const withLength = (bytes: Uint8Array): Uint8Array[] => [uint32(bytes.length), bytes];

/** Splits the output of `withLength` into its pieces, which are views of the input. */
export function lengthPrefixed(bytes: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + readUint32(bytes, at);
    pieces.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return pieces;
}

export function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

export const readUint32 = ({ buffer, byteOffset }: Uint8Array, at: number): number =>
  new DataView(buffer, byteOffset).getUint32(at, true);

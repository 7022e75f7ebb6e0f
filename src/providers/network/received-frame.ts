import { Buffer } from 'node:buffer';
import type { Frame } from '../contract/network.js';

/** A message that has come, from a socket or from a capture. */
export class ReceivedFrame implements Frame {
  readonly bytes: Uint8Array;
  readonly isText: boolean;
  readonly receivedMs: number;
  readonly receivedSubMsNs: number;

  constructor(bytes: Uint8Array, isText: boolean, receivedMs: number, receivedSubMsNs: number) {
    this.bytes = bytes;
    this.isText = isText;
    this.receivedMs = receivedMs;
    this.receivedSubMsNs = receivedSubMsNs;
  }

  text(): string {
    return textOf(this.bytes);
  }
}

/** Bytes as UTF-8. */
export function textOf(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
}

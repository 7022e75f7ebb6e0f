import { Random } from '../../core/random.js';

/** Random numbers from 0 to below 1 that follow from a text (its FNV-1a hash is the seed). */
export function chanceOf(text: string): () => number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  const random = new Random(hash >>> 0);
  return () => random.next();
}

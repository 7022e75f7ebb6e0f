import { nearestName } from '../core/nearest-name.js';
import { type JsonNode, nodesAt, type OptionPath } from './marked-options.js';

/** Returns the names of the options that a JSON Schema has for the object at a path. */
export function knownKeys(root: JsonNode, path: OptionPath): string[] {
  return nodesAt(root, path).flatMap(({ properties = {} }) => Object.keys(properties));
}

/**
 * Says that there is no such option, and which one was most likely meant.
 *
 * @param belongs - Says where an option of that name belongs, if there is one.
 */
export function noSuchOption(key: string, known: readonly string[], belongs?: string): string {
  const near = nearestName(key, known);
  const meant = near === undefined ? '' : ` (did you mean "${near}"?)`;
  return belongs === undefined
    ? `there is no such option${meant}`
    : `there is no such option here${meant}: ${belongs}`;
}

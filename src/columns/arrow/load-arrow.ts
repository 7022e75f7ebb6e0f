import { PipelineError } from '../../core/errors.js';

export type Arrow = typeof import('apache-arrow');

let loaded: Promise<Arrow> | undefined;

/**
 * Loads the optional peer `apache-arrow` when it is first needed.
 * @throws {PipelineError} `PEER_MISSING`
 */
export function loadArrow(load: () => Promise<Arrow> = () => import('apache-arrow')): Promise<Arrow> {
  loaded ??= load().catch((cause: unknown) => {
    loaded = undefined;
    throw new PipelineError(
      'PEER_MISSING',
      'Conversion to and from Arrow needs the package "apache-arrow": npm install apache-arrow',
      { cause },
    );
  });
  return loaded;
}

import type { CheckRig } from '../check-rig.js';

/** Something that is checked of a provider. */
export interface ProviderCheck {
  readonly id: string;
  /** What holds of a provider that passes. */
  readonly title: string;
  /** Why it is left out for this provider; `undefined` if it is made. */
  leftOut(rig: CheckRig): string | undefined;
  /** @returns What is wrong. Nothing: it passes. */
  run(rig: CheckRig): Promise<readonly string[]>;
}

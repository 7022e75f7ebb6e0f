/** What a job is submitted with, beside its spec and its options. */
export interface SubmitTerms {
  /** The folder of the spec, if it is from a file. */
  readonly specFolder?: string | undefined;
  /** Of a spec that was checked: as it was written. It is what a store keeps. */
  readonly written?: unknown;
  /** Of the schedule that submits it. */
  readonly instantMs?: number | undefined;
}

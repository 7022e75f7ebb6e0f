import type { JobActor } from '../../supervision/job-actor.js';

/** Which job of the runtime it is, counted from 1. */
export const numberOf = ({ sequence }: Pick<JobActor, 'sequence'>): number => sequence;

/** Puts the job first that was submitted first. */
export const bySubmission = (a: JobActor, b: JobActor): number => numberOf(a) - numberOf(b);

/** The highest priority of a job. Ageing raises every job up to it and no further. */
export const PRIORITY_MAX = 10;

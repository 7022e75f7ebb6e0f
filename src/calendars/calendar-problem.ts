/** What is wrong with a calendar, and under which of its keys. */
export interface CalendarProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

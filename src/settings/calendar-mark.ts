/** Key of a JSON Schema that says that an option names a calendar: one that is built in, or a file. */
export const CALENDAR_MARK = 'x-calendar';

/** What a source is called in records, logs and statistics: its name if it was given one, else `sources[1]`. */
export const nameOfSource = (id: string): string => id.replace(/^sources\./, '');

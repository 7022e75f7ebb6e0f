/** A column of a table for people. */
export interface TableColumn {
  readonly head: string;
  readonly isRight?: boolean;
  /** Whether its texts are prose, which may go on in a next line. */
  readonly isProse?: boolean;
}

export interface TableFit {
  /** Columns of the terminal; infinite where there is none. */
  readonly width: number;
  /** How many of the first columns say which row it is. They are repeated where a table is cut. */
  readonly keys: number;
}

/** Prose is wrapped down to this width before a table is cut; borders and spaces count. */
const PROSE_WIDTH_MIN = 24;
const WIDTH_MIN = 5;

/**
 * A table that fits a terminal. Where it is too wide, prose goes on in a next line, and if that is not
 * enough, the table is cut into several, one below the other. A single column that is too wide loses the
 * ends of its texts.
 */
export async function fittedTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
  fit: TableFit,
): Promise<string> {
  const { width } = fit;
  const keys = Math.min(fit.keys, columns.length - 1);
  const { default: Table } = await import('cli-table3');
  const draw = (shown: readonly number[], widths?: readonly number[]): string => {
    const table = new Table({
      head: shown.map((at) => columns[at]!.head),
      colAligns: shown.map((at) => (columns[at]!.isRight ? 'right' : 'left')),
      style: { head: [], border: [], compact: true },
      ...(widths && { colWidths: shown.map((at) => widths[at]!), wordWrap: true }),
    });
    for (const row of rows) table.push(shown.map((at) => row[at]!));
    return `${table.toString()}\n`;
  };

  const all = [...columns.keys()];
  const whole = draw(all);
  const natural = widthsOf(whole);
  if (outerWidth(natural) <= width) return whole;
  const widths = wrapProse(natural, columns, width);
  if (outerWidth(widths) <= width) return draw(all, widths);
  const cut = cutWide(widths, width, keys);
  return partsOf(cut, width, keys)
    .map((shown) => draw(shown, cut))
    .join('');
}

/** Widths of columns as they were drawn, as the border above them shows. */
function widthsOf(drawn: string): number[] {
  const border = drawn.slice(1, drawn.indexOf('\n') - 1);
  return border.split('┬').map(({ length }) => length);
}

/** Width of a table, with a border before each column and one at the end. */
const outerWidth = (widths: readonly number[]): number => widths.reduce((sum, width) => sum + width + 1, 1);

/** Takes width from the widest prose, until the table fits or none has any to give. */
function wrapProse(natural: readonly number[], columns: readonly TableColumn[], width: number): number[] {
  const widths = [...natural];
  for (let excess = outerWidth(widths) - width; excess > 0; excess--) {
    let widest = -1;
    for (const [at, { isProse }] of columns.entries()) {
      if (isProse && widths[at]! > (widths[widest] ?? PROSE_WIDTH_MIN)) widest = at;
    }
    if (widest < 0) break;
    widths[widest]!--;
  }
  return widths;
}

/** Makes each column narrow enough to stand beside the keys, which get half of the terminal at most. */
function cutWide(natural: readonly number[], width: number, keys: number): number[] {
  const keyMax = Math.max(WIDTH_MIN, Math.floor(width / 2 / Math.max(1, keys)) - 1);
  const widths = natural.map((each, at) => (at < keys ? Math.min(each, keyMax) : each));
  const left = Math.max(WIDTH_MIN, width - outerWidth(widths.slice(0, keys)) - 1);
  return widths.map((each, at) => (at < keys ? each : Math.min(each, left)));
}

/** Which columns stand in which part: as many as fit, after the keys. */
function partsOf(widths: readonly number[], width: number, keys: number): number[][] {
  const keyColumns = [...widths.keys()].slice(0, keys);
  const parts: number[][] = [];
  let part: number[] = [];
  for (let at = keys; at < widths.length; at++) {
    const wider = [...keyColumns, ...part, at].map((each) => widths[each]!);
    if (part.length > 0 && outerWidth(wider) > width) {
      parts.push(part);
      part = [];
    }
    part.push(at);
  }
  return [...parts, part].map((own) => [...keyColumns, ...own]);
}

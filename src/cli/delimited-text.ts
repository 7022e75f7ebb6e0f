/** Splits delimited text into rows of fields by RFC 4180, chunk by chunk. Only used to display files. */
export class DelimitedText {
  readonly #onRow: (row: readonly string[]) => void;
  #delimiter: string | undefined;
  #row: string[] = [];
  #field = '';
  #isQuoted = false;
  #isAfterQuote = false;

  /** @param onRow - Called for every row that is not empty. */
  constructor(onRow: (row: readonly string[]) => void) {
    this.#onRow = onRow;
  }

  /**
   * Reads a chunk. The delimiter is the candidate that occurs most often in the first line of the first
   * chunk.
   */
  push(chunk: string): void {
    this.#delimiter ??= guessDelimiter(chunk);
    for (const sign of chunk) this.#take(sign, this.#delimiter);
  }

  end(): void {
    this.#endRow();
  }

  #take(sign: string, delimiter: string): void {
    if (this.#isQuoted) {
      if (sign !== '"') this.#field += sign;
      else {
        this.#isQuoted = false;
        this.#isAfterQuote = true;
      }
    } else if (sign === '"' && (this.#field === '' || this.#isAfterQuote)) {
      if (this.#isAfterQuote) this.#field += '"';
      this.#isQuoted = true;
      this.#isAfterQuote = false;
    } else if (sign === delimiter) {
      this.#endField();
    } else if (sign === '\n') {
      this.#endRow();
    } else if (sign !== '\r') {
      this.#field += sign;
    }
  }

  #endField(): void {
    this.#row.push(this.#field);
    this.#field = '';
    this.#isAfterQuote = false;
  }

  #endRow(): void {
    const isEmpty = this.#row.length === 0 && this.#field === '' && !this.#isAfterQuote;
    if (!isEmpty) {
      this.#endField();
      this.#onRow(this.#row);
    }
    this.#row = [];
  }
}

function guessDelimiter(text: string): string {
  const [line = ''] = text.split('\n', 1);
  const count = (sign: string) => line.split(sign).length;
  return [',', ';', '|', '\t'].reduce((best, sign) => (count(sign) > count(best) ? sign : best));
}

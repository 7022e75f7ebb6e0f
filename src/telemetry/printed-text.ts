export interface PrintLimits {
  readonly chars: number;
  readonly times: number;
}

/**
 * Passes text on up to a limit, says so once, and drops the rest: code that prints without end must not
 * fill the memory of the listener.
 */
export class PrintedText {
  readonly #limits: PrintLimits;
  readonly #pass: (text: string) => void;
  #chars = 0;
  #times = 0;

  constructor(limits: PrintLimits, pass: (text: string) => void) {
    this.#limits = limits;
    this.#pass = pass;
  }

  write(text: string): void {
    const { chars, times } = this.#limits;
    if (this.#times >= times || this.#chars >= chars) return;
    const kept = text.slice(0, chars - this.#chars);
    this.#chars += kept.length;
    this.#times++;
    const isLast = this.#times === times || this.#chars === chars;
    this.#pass(isLast ? `${kept}\n… further output is not shown\n` : kept);
  }
}

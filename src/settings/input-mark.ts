/** Key of a JSON Schema that says that an option is a stage, or a list of them. */
export const INPUT_MARK = 'x-input';

/** What an option with that mark holds. */
export type InputMark = 'source' | 'line' | 'operators';

declare const mark: unique symbol;

/** Says in the type of options what an input is; the type of a spec puts the stages there. */
export interface InputOption<Mark extends InputMark> {
  readonly [mark]: Mark;
}

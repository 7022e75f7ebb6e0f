/** An expression as it was written: the tree that the parser makes and the checker reads. */
export type Syntax =
  | (Place & { readonly kind: 'number'; readonly value: number; readonly integer: bigint | undefined })
  | (Place & { readonly kind: 'string'; readonly value: string })
  | (Place & { readonly kind: 'boolean'; readonly value: boolean })
  | (Place & { readonly kind: 'null' })
  | (Place & { readonly kind: 'name'; readonly name: string })
  | (Place & { readonly kind: 'not' | 'negate'; readonly of: Syntax })
  | (Place & { readonly kind: 'and' | 'or'; readonly parts: readonly Syntax[] })
  | (Place & { readonly kind: 'call'; readonly name: string; readonly args: readonly Syntax[] })
  | (Place & { readonly kind: 'isNull'; readonly negated: boolean; readonly of: Syntax })
  | (Place & {
      readonly kind: 'arithmetic';
      readonly op: ArithmeticOp;
      readonly left: Syntax;
      readonly right: Syntax;
    })
  | (Place & {
      readonly kind: 'comparison';
      readonly op: ComparisonOp;
      readonly left: Syntax;
      readonly right: Syntax;
    })
  | (Place & {
      readonly kind: 'in';
      readonly negated: boolean;
      readonly of: Syntax;
      readonly items: readonly Syntax[];
    })
  | (Place & {
      readonly kind: 'between';
      readonly negated: boolean;
      readonly of: Syntax;
      readonly low: Syntax;
      readonly high: Syntax;
    });

export interface Place {
  /** Where it stands in the text; of an operator, the operator itself. */
  readonly at: number;
  /** Levels below and including this one. */
  readonly depth: number;
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%';
export type ComparisonOp = '<' | '<=' | '>' | '>=' | '==' | '!=';

/** What `a op b` is with the sides exchanged. */
export const EXCHANGED: Readonly<Record<ComparisonOp, ComparisonOp>> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '==': '==',
  '!=': '!=',
};

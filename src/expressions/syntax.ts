/** The syntax tree of an expression, from the parser to the checker. */
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
  /** Offset in the text; for an operator, that of the operator itself. */
  readonly at: number;
  /** Number of levels, from this node down to its deepest leaf. */
  readonly depth: number;
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%';
export type ComparisonOp = '<' | '<=' | '>' | '>=' | '==' | '!=';

/** The operator to use when the two sides are exchanged. */
export const EXCHANGED: Readonly<Record<ComparisonOp, ComparisonOp>> = {
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
  '==': '==',
  '!=': '!=',
};

/** The syntax tree of an expression, from the parser to the checker. */
export type Syntax =
  | (SyntaxNode & { readonly kind: 'number'; readonly value: number; readonly integer: bigint | undefined })
  | (SyntaxNode & { readonly kind: 'string'; readonly value: string })
  | (SyntaxNode & { readonly kind: 'boolean'; readonly value: boolean })
  | (SyntaxNode & { readonly kind: 'null' })
  | (SyntaxNode & { readonly kind: 'name'; readonly name: string })
  | (SyntaxNode & { readonly kind: 'not' | 'negate'; readonly of: Syntax })
  | (SyntaxNode & { readonly kind: 'and' | 'or'; readonly parts: readonly Syntax[] })
  | (SyntaxNode & { readonly kind: 'call'; readonly name: string; readonly args: readonly Syntax[] })
  | (SyntaxNode & { readonly kind: 'isNull'; readonly negated: boolean; readonly of: Syntax })
  | (SyntaxNode & {
      readonly kind: 'arithmetic';
      readonly op: ArithmeticOp;
      readonly left: Syntax;
      readonly right: Syntax;
    })
  | (SyntaxNode & {
      readonly kind: 'comparison';
      readonly op: ComparisonOp;
      readonly left: Syntax;
      readonly right: Syntax;
    })
  | (SyntaxNode & {
      readonly kind: 'in';
      readonly negated: boolean;
      readonly of: Syntax;
      readonly items: readonly Syntax[];
    })
  | (SyntaxNode & {
      readonly kind: 'between';
      readonly negated: boolean;
      readonly of: Syntax;
      readonly low: Syntax;
      readonly high: Syntax;
    });

export interface SyntaxNode {
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

import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node } from 'yaml';

/** What is wrong with the content of a document, and where. */
export interface ContentProblem {
  readonly node: unknown;
  readonly message: string;
}

/** A document that has been looked through. */
export interface Content {
  readonly problems: readonly ContentProblem[];
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Node, Node>;
}

/**
 * Looks in a document without syntax errors for parts that are not data: keys that stand twice, aliases without
 * an anchor or inside of what they stand for, and a key that schemas ignore in silence. Visits each node once.
 *
 * @param problemsMax - Stops at so many.
 */
export function checkContent(document: Document.Parsed, problemsMax: number): Content {
  const check = new ContentCheck(problemsMax);
  check.visit(document.contents);
  return check;
}

class ContentCheck implements Content {
  readonly problems: ContentProblem[] = [];
  readonly targets = new Map<Node, Node>();
  readonly #problemsMax: number;
  /** The last node so far with each anchor: an alias means that one. */
  readonly #anchors = new Map<string, Node>();
  readonly #around = new Set<Node>();

  constructor(problemsMax: number) {
    this.#problemsMax = problemsMax;
  }

  visit(node: unknown): void {
    if (!isNode(node) || this.problems.length >= this.#problemsMax) return;
    if (isAlias(node)) {
      this.#follow(node);
      return;
    }
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return;
    this.#around.add(node);
    if (isMap(node)) {
      const names = new Set<string>();
      for (const { key, value } of node.items) {
        this.#checkKey(key, names);
        this.visit(value);
      }
    } else if (isSeq(node)) {
      for (const item of node.items) this.visit(item);
    }
    this.#around.delete(node);
  }

  #checkKey(key: unknown, names: Set<string>): void {
    const name = keyText(key);
    if (name === undefined) return;
    if (name === '__proto__') this.#add(key, 'expected the name of an option, found "__proto__"');
    if (names.has(name)) this.#add(key, 'expected every key once in a mapping, found this one again');
    names.add(name);
  }

  #follow(alias: Node & { readonly source: string }): void {
    const target = this.#anchors.get(alias.source);
    if (!target) this.#add(alias, 'there is no anchor of that name before this alias');
    else if (this.#around.has(target)) this.#add(alias, 'this alias is inside the node that it refers to');
    else this.targets.set(alias, target);
  }

  #add(node: unknown, message: string): void {
    if (this.problems.length < this.#problemsMax) this.problems.push({ node, message });
  }
}

/**
 * The text of a key. A collection as a key is a syntax error, and has none: to write it takes twice as long for
 * each level of keys inside keys.
 */
export const keyText = (key: unknown): string | undefined => (isScalar(key) ? String(key.value) : undefined);

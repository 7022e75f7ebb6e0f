/** A path among a stage's options. */
export interface NamedPath {
  readonly path: string;
  /** Its keys within the options: `['path', 1]`. */
  readonly at: readonly (string | number)[];
}

/** A path that a stage writes to: one file, or a directory of parts. */
export interface WrittenPath extends NamedPath {
  /** Of a directory: how the names of its parts end, without the dot. */
  readonly partsEndIn?: string;
  /** Of a directory: what the folders of its parts are named by, where they are in some: `symbol`. */
  readonly partitionBy?: readonly string[];
  /** Of a directory: whether other runs may add parts to it at the same time. */
  readonly isShared?: boolean;
}

/**
 * Which files a stage reads and writes, so that they can be compared with those of other stages and
 * jobs before any is opened. Says what the options say; looks at no file.
 */
export interface StageFiles {
  /** Paths and globs. */
  readonly reads?: readonly NamedPath[];
  readonly writes?: readonly WrittenPath[];
}

import type { Schema } from '../columns/schema.js';
import {
  placesInLine,
  placesOfBranch,
  placesOfInput,
  type StageNode,
  type StagePlace,
  type StageTree,
} from '../wire/stage-tree.js';

type Line<S> = Omit<StageTree<StagePlace<S>>, 'source'>;

/**
 * Returns the columns that each operator, batcher and sink is given, by id, as far as they are known.
 *
 * @param outputs - The output columns of each source and operator, by id.
 */
export function columnsInto<S extends StageNode<S>>(
  tree: StageTree<S>,
  outputs: ReadonlyMap<string, Schema>,
): ReadonlyMap<string, Schema> {
  const into = new Map<string, Schema>();
  const pass = (places: readonly StagePlace<S>[], first: Schema | undefined): Schema | undefined => {
    let columns = first;
    for (const place of places) {
      if (columns) into.set(place.id, columns);
      passInputs(place);
      if (place.kind === 'operator') columns = outputs.get(place.id);
    }
    return columns;
  };
  const passInputs = (owner: StagePlace<S>): void => {
    for (const input of Object.values(owner.stage.inputs ?? {})) {
      const { source, operators } = placesOfInput(owner, input);
      passInputs(source);
      pass(operators, outputs.get(source.id));
    }
  };
  const passLine = ({ operators, batcher, sink }: Line<S>, first: Schema | undefined): void => {
    const columns = pass([...operators, batcher, sink], first);
    for (const branch of Object.values(sink.stage.branches ?? {})) {
      passLine(placesOfBranch(sink, branch), columns);
    }
  };
  const { source, ...line } = placesInLine(tree);
  passInputs(source);
  passLine(line, outputs.get(source.id));
  return into;
}

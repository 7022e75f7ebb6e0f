import type { FactoryOf } from '../../engine/component.js';
import { builtIn } from '../../registry/built-in.js';
import { loadStage } from '../../registry/load-stage.js';
import type { Registry } from '../../registry/registry.js';
import type { ResolvedSpec, ResolvedStage } from '../../wire/resolved-spec.js';
import type { NamedPath, StageFiles, WrittenPath } from '../../wire/stage-files.js';
import { filesOf } from '../plan-stage.js';
import type { StageOverrides } from '../stage-overrides.js';
import { FilesRead } from './files-read.js';
import { type Place, PlaceFinder } from './place-finder.js';

/** A path in a spec that is written to, and the place where it leads. */
export interface PlaceWritten extends WrittenPath {
  readonly place: Place;
  readonly isDeadLetters: boolean;
}

/** The files that a job reads and writes, as they were when the spec was checked. */
export interface JobFiles {
  readonly job: string;
  readonly reads: FilesRead;
  readonly writes: readonly PlaceWritten[];
}

/** The parts of a spec that name files. Invalid stages are left out. */
export interface SpecParts {
  readonly name: string;
  readonly source: ResolvedStage | undefined;
  readonly sink: ResolvedStage | undefined;
  readonly deadLetter?: ResolvedSpec['deadLetter'] | undefined;
}

/**
 * Finds the files of a spec: follows links and resolves globs.
 *
 * @returns `undefined` if there are none.
 */
export async function findJobFiles(
  { name, source, sink, deadLetter }: SpecParts,
  overrides: StageOverrides = {},
  registry = builtIn,
): Promise<JobFiles | undefined> {
  const ofSource = under('source', await filesOfStage('source', source, overrides.source, registry));
  const ofSink = under('sink', await filesOfStage('sink', sink, overrides.sink, registry));
  const reads = [...ofSource.reads, ...ofSink.reads];
  const outputs = [...ofSource.writes, ...ofSink.writes];
  if (reads.length + outputs.length === 0 && !deadLetter) return undefined;

  const places = new PlaceFinder();
  const written = (path: WrittenPath, isDeadLetters: boolean): Promise<PlaceWritten> =>
    places.find(path.path).then((place) => ({ ...path, place, isDeadLetters }));
  const writes = await Promise.all([
    ...outputs.map((path) => written(path, false)),
    ...(deadLetter ? [written({ path: deadLetter.path, at: ['deadLetter', 'path'] }, true)] : []),
  ]);
  return {
    job: name,
    reads: await FilesRead.find(reads, places),
    // A device stores nothing, so any number of jobs may write to it.
    writes: writes.filter(({ place }) => place.kind !== 'device'),
  };
}

/** A component from outside has said which they are, since its code is not loaded here. */
async function filesOfStage<Kind extends 'source' | 'sink'>(
  kind: Kind,
  stage: ResolvedStage | undefined,
  override: FactoryOf<Kind> | undefined,
  registry: Registry,
): Promise<StageFiles | undefined> {
  if (stage?.outside) return stage.outside.files;
  const factory = override ?? (stage && (await loadStage(registry, kind, stage)));
  return filesOf(factory, stage?.options);
}

function under(stage: string, { reads = [], writes = [] }: StageFiles = {}) {
  const here = <Path extends NamedPath>(path: Path): Path => ({ ...path, at: [stage, ...path.at] });
  return { reads: reads.map(here), writes: writes.map(here) };
}

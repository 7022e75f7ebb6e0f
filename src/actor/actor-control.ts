import type { MessagePort } from 'node:worker_threads';
import { expose } from 'comlink';
import type { StreamingPipeline } from '../engine/streaming-pipeline.js';
import type { PipelineControl } from '../wire/pipeline-actor.js';
import { portEndpoint } from '../wire/port-endpoint.js';

/** The actor's end of its control port. */
export interface ActorControl {
  /** Aborted once a stop is asked for. */
  readonly stopping: AbortSignal;
  attach(pipeline: StreamingPipeline): void;
  /** Resolves once the supervisor has asked whether the actor is ready, and was answered. */
  answerReady(): Promise<void>;
}

/** Takes what the supervisor asks, from before there is a pipeline: asked too early, it waits. */
export function listen(port: MessagePort): ActorControl {
  const stopping = new AbortController();
  let pipeline: StreamingPipeline | undefined;
  let open: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let hear: () => void;
  const heard = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const early: ((pipeline: StreamingPipeline) => void)[] = [];
  const ask = (what: (pipeline: StreamingPipeline) => void) => {
    if (pipeline) what(pipeline);
    else early.push(what);
  };
  const control: PipelineControl = {
    ready: () => opened.then(hear),
    pause: () => ask((to) => to.pause()),
    resume: () => ask((to) => to.resume()),
    drain: () => ask((to) => to.drain()),
    suspend: () => ask((to) => to.suspend()),
    stop: () => {
      stopping.abort();
      ask((to) => to.stop());
    },
    describe: () => pipeline?.describe() ?? [],
  };
  expose(control, portEndpoint(port));
  return {
    stopping: stopping.signal,
    attach(built) {
      pipeline = built;
      for (const what of early.splice(0)) what(built);
    },
    answerReady() {
      open();
      return heard;
    },
  };
}

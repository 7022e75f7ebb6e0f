/**
 * What an inspector of a state machine is told: an `InspectionEvent` of XState, by the fields that are
 * the same for all of them. Declared here, so that the types of this package do not need XState's.
 */
export interface MachineInspection {
  /** `@xstate.event`, `@xstate.snapshot`, `@xstate.microstep`, … */
  readonly type: string;
  /** Session of the machine that the step belongs to. */
  readonly rootId: string;
  /** Of an event: what the machine was sent. */
  readonly event?: { readonly type: string };
  /** Of a snapshot: the state that the machine is in now. */
  readonly snapshot?: unknown;
}

/** Declared as a method, so that a function which takes XState's own type of events fits as well. */
export type InspectMachine = {
  /** Is told each step. */
  inspect(event: MachineInspection): void;
}['inspect'];

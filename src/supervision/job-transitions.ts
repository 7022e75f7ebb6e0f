/** Transitions of a job's machine that several of its states have. Guards and actions are those of the machine. */
export const backsOff = {
  guard: 'isRestarted',
  target: 'backingOff',
  reenter: true,
  actions: ['keepEnd', 'backOff'],
} as const;
/** A changed spec that never ran is no matter of the policy. */
export const goesBack = {
  guard: 'fallsBack',
  target: 'backingOff',
  reenter: true,
  actions: ['keepEnd', 'fallBack'],
} as const;
export const isRestarted = [
  { guard: 'isSpent', target: 'dead', actions: ['keepEnd', 'tellSpent'] },
  backsOff,
] as const;
export const isDeadForGroup = {
  guard: 'isToBeDead',
  target: 'dead',
  actions: ['keepEnd', 'tellGroupError'],
} as const;
export const endsByReport = {
  'pipeline.ended': [
    ...isRestarted,
    { guard: 'reportsFailure', target: 'failed', actions: 'keepEnd' },
    { guard: 'reportsStop', target: 'stopped', actions: 'keepEnd' },
    { target: 'completed', actions: 'keepEnd' },
  ],
} as const;
export const failsWithoutThread = {
  'thread.lost': [...isRestarted, { target: 'failed', actions: 'keepEnd' }],
} as const;
export const takesThread = {
  'thread.assigned': [
    { guard: 'isPauseWanted', target: 'starting', actions: ['beginRun', 'commandPause'] },
    { target: 'starting', actions: 'beginRun' },
  ],
} as const;
/** Without a thread, there is nobody to tell. */
export const takesPausesUntold = {
  'pause.requested': { guard: 'isPauseNews', actions: 'wantPause' },
  'resume.requested': { guard: 'isPauseWanted', actions: 'forgetPause' },
} as const;
export const takesItsClaim = { 'run.claimed': { actions: 'keepEpoch' } } as const;
export const takesPauses = {
  'pause.requested': { guard: 'isPauseNews', actions: ['wantPause', 'commandPause'] },
  'resume.requested': { guard: 'isPauseWanted', actions: ['forgetPause', 'commandResume'] },
} as const;
export const endsAtOnce = {
  'bound.reached': 'stopped',
  'drain.requested': 'stopped',
  'suspend.requested': 'stopped',
  'stop.requested': 'stopped',
  'group.spent': { target: 'dead', actions: ['wantDeath', 'tellGroupError'] },
} as const;
const soonerEnd = [
  { guard: 'isSooner', actions: 'armDeadline' },
  { guard: 'mayRestart', actions: ['wantEnd', 'commandEnd'] },
] as const;
export const takesSoonerEnd = { 'drain.requested': soonerEnd, 'suspend.requested': soonerEnd } as const;
export const isGivenUpIfStuck = {
  'run.stuck': { target: 'draining', actions: ['giveUpRun', 'commandEnd'] },
} as const;
export const takesItsEnd = {
  'restart.requested': { target: 'restarting', actions: ['wantRestart', 'beginEnd', 'commandAsAsked'] },
  'group.spent': { target: 'draining', actions: ['wantDeath', 'beginEnd', 'commandAsAsked'] },
  'bound.reached': { target: 'draining', actions: ['beginBound', 'commandBound'] },
  'drain.requested': { target: 'draining', actions: ['beginDrain', 'commandDrain'] },
  'suspend.requested': { target: 'draining', actions: ['beginSuspend', 'commandSuspend'] },
  'stop.requested': { target: 'draining', actions: ['beginStop', 'commandEnd'] },
} as const;

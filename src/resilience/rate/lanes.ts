import type { RateMemory } from '../../shared-memory/rate-memory.js';

/** A lane is in one of this many slots from the hash of its key on. */
const REACH = 16;
/** How many races against other threads a search may lose before it goes without a lane. */
const TRIES_MAX = 8;
const FREE = 0n;

/** No lane. */
export const NO_LANE = -1;

/** A tenant at a provider. */
export interface LaneOwner {
  /** Scope of the provider. */
  readonly root: number;
  /** The declarations of the two: a tenant that is declared again does not inherit a lane. */
  readonly rootLife: number;
  readonly tenantLife: number;
}

/**
 * Where the lanes of tenants end, in the virtual time of their providers. A lane that ends before that time
 * says nothing, as if it were not there. So there are slots for a few lanes a scope, and a slot whose lane
 * says nothing goes to the next one that needs it. If all slots in reach say something, the one that says
 * the least is taken: its tenant is served too early by what its lane was ahead. Lanes decide on the order
 * of waiters and on nothing else, so no permit is granted by that.
 *
 * To hand over a slot, a thread claims it, clears its key, and then writes the new one: no thread reads the
 * end of a lane under the key of another. What a dead thread has claimed is freed by `leaveLanes`.
 */
export function takeLane(memory: RateMemory, owner: LaneOwner, member: number): number {
  const key = keyOf(owner);
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const found = findLane(memory, owner);
    if (found !== NO_LANE) return found;
    const slot = leastAhead(memory, key);
    if (slot === NO_LANE) continue;
    if (Atomics.compareExchange(memory.i32, memory.laneClaimAt(slot), 0, member + 1) !== 0) continue;
    Atomics.store(memory.b64, memory.laneKeyAt(slot), FREE);
    Atomics.store(memory.b64, memory.laneEndAt(slot), 0n);
    Atomics.store(memory.i32, memory.laneRootAt(slot), owner.root);
    Atomics.store(memory.b64, memory.laneKeyAt(slot), key);
    Atomics.store(memory.i32, memory.laneClaimAt(slot), 0);
    return slot;
  }
  return NO_LANE;
}

export function findLane(memory: RateMemory, owner: LaneOwner): number {
  const key = keyOf(owner);
  for (let step = 0; step < REACH; step++) {
    const slot = slotOf(memory, key, step);
    if (isLaneOf(memory, slot, owner)) return slot;
  }
  return NO_LANE;
}

export const isLaneOf = (memory: RateMemory, slot: number, owner: LaneOwner): boolean =>
  Atomics.load(memory.b64, memory.laneKeyAt(slot)) === keyOf(owner);

/** Frees what a member had claimed and not yet handed over. */
export function leaveLanes(memory: RateMemory, member: number): void {
  for (let slot = 0; slot < memory.laneSlots; slot++) {
    if (memory.i32[memory.laneClaimAt(slot)] !== member + 1) continue;
    Atomics.store(memory.b64, memory.laneKeyAt(slot), FREE);
    Atomics.compareExchange(memory.i32, memory.laneClaimAt(slot), member + 1, 0);
  }
}

/** The slot in reach whose lane is the least ahead of its provider's virtual time. */
function leastAhead(memory: RateMemory, key: bigint): number {
  let least = NO_LANE;
  let aheadMin = 0n;
  for (let step = 0; step < REACH; step++) {
    const slot = slotOf(memory, key, step);
    if (Atomics.load(memory.i32, memory.laneClaimAt(slot)) !== 0) continue;
    const ahead = aheadOf(memory, slot);
    if (ahead <= 0n) return slot;
    if (least !== NO_LANE && ahead >= aheadMin) continue;
    least = slot;
    aheadMin = ahead;
  }
  return least;
}

/** Ns of virtual time; nothing if the slot is free or its provider is gone. */
function aheadOf(memory: RateMemory, slot: number): bigint {
  const key = Atomics.load(memory.b64, memory.laneKeyAt(slot));
  const root = Atomics.load(memory.i32, memory.laneRootAt(slot));
  if (key === FREE || root < 0 || root >= memory.sizes.scopesMax) return 0n;
  if (Atomics.load(memory.i32, memory.lifeAt(root)) !== Number(key >> 32n)) return 0n;
  const time = Atomics.load(memory.b64, memory.virtualTimeAt(root));
  return Atomics.load(memory.b64, memory.laneEndAt(slot)) - time;
}

const keyOf = ({ rootLife, tenantLife }: LaneOwner): bigint => (BigInt(rootLife) << 32n) | BigInt(tenantLife);

function slotOf({ laneSlots }: RateMemory, key: bigint, step: number): number {
  const low = Number(BigInt.asIntN(32, key));
  const high = Number(BigInt.asIntN(32, key >> 32n));
  const hash = Math.imul(Math.imul(low, 0x85eb_ca6b) ^ high, 0x9e37_79b1) >>> Math.clz32(laneSlots - 1);
  return (hash + step) & (laneSlots - 1);
}

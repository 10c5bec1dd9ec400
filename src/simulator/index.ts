/** The simulated door (`src/simulator`): one for tests and the demo, thousands for load. */
export type { RandomSource, TimeSource } from './ambient.js';
export { systemRandom, systemTime } from './ambient.js';
export { DoorStartError, SimulatedDoor, type SimulatedDoorOptions } from './door.js';
export type { DoorSignals, Execution } from './door-signals.js';
export { DoorFleet, runFleet, type FleetDoor, type FleetOptions, type FleetRunOptions } from './fleet.js';
export type { FleetStatistics, FleetUpdates } from './fleet-counters.js';
export { DoorIdentity } from './identity.js';
export type { Trouble } from './session.js';
export { DirectoryStore, MemoryStore, type DoorStore, type PersistedDoor } from './store.js';
export { RelayTransport } from './transport.js';
export type { UpdateCounts, UpdateFault, UpdateOptions, UpdateStep } from './updates/options.js';
export type { RunningFirmware } from './updates/update-memory.js';

/** How much of everything a run does. */

export interface Sizes {
  /** Doors of each lane of the comparison. */
  readonly doors: number;
  /** Commands in flight at saturation: at most four a door (protocol 6.5). */
  readonly inFlight: number;
  /** Client sockets they are spread over; HTTP has a connection for each command in flight. */
  readonly sockets: number;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly moderatePerSecond: number;
  readonly moderateMs: number;
  /** Commands a lane gets ready in the first round, which is thrown away: it warms up and shows how many are needed. */
  readonly pilotCommands: number;
  /** Commands whose cost at the store is counted, in each of its ways. */
  readonly counted: { readonly oneByOne: number; readonly saturated: number };
  /** Doors at which memory is read; the slope between the two counts. */
  readonly memoryDoors: readonly [few: number, many: number];
  readonly memoryRepeats: number;
  /** Quiet time before memory is read, twice, each with a garbage collection. */
  readonly settleMs: number;
  /** Fleets between which the command rate should not differ. */
  readonly fleets: readonly number[];
  readonly fleetRounds: number;
  readonly restartDoors: number;
  /** Ceiling of the jitter of doors whose relay was away for long (protocol 5.6: 60 s). */
  readonly restartCeilingMs: number;
  readonly keepAlives: { readonly doors: number; readonly each: number; readonly rounds: number };
  /** Open load of so many times what the relay carries; doors and sockets enough that no limit of theirs is met first. */
  readonly overload: {
    readonly doors: number;
    readonly sockets: number;
    readonly times: readonly number[];
    readonly measureMs: number;
    readonly restMs: number;
  };
  readonly processes: { readonly doors: number; readonly sockets: number; readonly rounds: number };
  readonly rollout: {
    readonly doors: number;
    readonly imageBytes: number;
    readonly commandsPerSecond: number;
    /** Load is measured in slices; those before the rollout are compared with those during it. */
    readonly sliceMs: number;
    readonly slicesBefore: number;
  };
  /** Honest commands while a website without a grant floods the relay: below the limit of an address (protocol 8.1). */
  readonly flood: {
    readonly sockets: number;
    readonly perSecond: number;
    readonly turnMs: number;
    readonly turns: number;
  };
  readonly connecting: number;
}

export const FULL: Sizes = {
  doors: 100,
  inFlight: 200,
  sockets: 4,
  rounds: 5,
  warmUpMs: 500,
  measureMs: 2500,
  moderatePerSecond: 400,
  moderateMs: 1500,
  pilotCommands: 4000,
  counted: { oneByOne: 500, saturated: 8000 },
  memoryDoors: [1000, 3000],
  memoryRepeats: 2,
  settleMs: 300,
  fleets: [100, 1000, 10_000],
  fleetRounds: 4,
  restartDoors: 10_000,
  restartCeilingMs: 60_000,
  keepAlives: { doors: 1000, each: 10, rounds: 3 },
  overload: { doors: 2000, sockets: 32, times: [0.5, 1, 1.5, 2], measureMs: 5000, restMs: 3000 },
  processes: { doors: 100, sockets: 32, rounds: 4 },
  rollout: { doors: 500, imageBytes: 768 * 1024, commandsPerSecond: 100, sliceMs: 4000, slicesBefore: 6 },
  flood: { sockets: 16, perSecond: 40, turnMs: 5000, turns: 4 },
  connecting: 64,
};

/** A minute or two: does everything, says little. */
export const QUICK: Sizes = {
  ...FULL,
  rounds: 1,
  warmUpMs: 300,
  measureMs: 1000,
  moderateMs: 500,
  pilotCommands: 2000,
  counted: { oneByOne: 100, saturated: 1000 },
  memoryDoors: [200, 800],
  memoryRepeats: 1,
  fleets: [100, 500],
  fleetRounds: 1,
  restartDoors: 500,
  restartCeilingMs: 4000,
  keepAlives: { doors: 200, each: 5, rounds: 1 },
  overload: { doors: 1000, sockets: 16, times: [0.5, 2], measureMs: 1000, restMs: 1000 },
  processes: { doors: 100, sockets: 16, rounds: 1 },
  rollout: { doors: 100, imageBytes: 384 * 1024, commandsPerSecond: 100, sliceMs: 2000, slicesBefore: 3 },
  flood: { sockets: 16, perSecond: 40, turnMs: 2000, turns: 2 },
};

/** For the test suite: that it runs, never how fast. */
export const TINY: Sizes = {
  doors: 4,
  inFlight: 8,
  sockets: 2,
  rounds: 1,
  warmUpMs: 20,
  measureMs: 150,
  moderatePerSecond: 50,
  moderateMs: 100,
  pilotCommands: 60,
  counted: { oneByOne: 5, saturated: 20 },
  memoryDoors: [4, 8],
  memoryRepeats: 1,
  settleMs: 1,
  fleets: [4, 8],
  fleetRounds: 1,
  restartDoors: 8,
  restartCeilingMs: 700,
  keepAlives: { doors: 4, each: 2, rounds: 1 },
  overload: { doors: 8, sockets: 2, times: [0.5, 2], measureMs: 150, restMs: 1 },
  processes: { doors: 4, sockets: 2, rounds: 1 },
  rollout: { doors: 4, imageBytes: 200_000, commandsPerSecond: 10, sliceMs: 400, slicesBefore: 1 },
  flood: { sockets: 2, perSecond: 20, turnMs: 300, turns: 1 },
  connecting: 8,
};

/** How much of each attack: a sample in the test command, all of it in `npm run test:attack` (which says ATTACK=full). */
const IS_FULL = process.env['ATTACK'] === 'full';
const size = (sample: number, full: number): number => (IS_FULL ? full : sample);

export const SIZES = {
  isFull: IS_FULL,
  /** How long the honest site is watched before an attack, and floods last. */
  quietMs: size(1_500, 8_000),
  floodMs: size(2_000, 15_000),
  floodSockets: 16,
  /** Connections that say nothing, handshakes and registrations from one address. */
  silentConnections: size(600, 4_000),
  handshakes: size(300, 2_000),
  /** Connections with a thousand requests each in one piece. */
  pipelines: size(5, 25),
  registrations: size(40, 400),
  origins: size(500, 5_000),
  /** Every so many-th character of a token is changed, to so many others. */
  tokenStep: size(7, 1),
  tokenChanges: size(1, 2),
  envelopes: size(400, 6_000),
  clientFrames: size(500, 10_000),
  doorFrames: size(150, 2_000),
  rawFrames: size(100, 1_500),
  refusals: size(1_000, 20_000),
  /** Slow connections of each kind. */
  slowConnections: size(25, 150),
  networks: size(2_000, 100_000),
  guessingNetworks: size(40, 400),
} as const;

/**
 * Sizes and times both ends of a wire must know: the relay and a door, or the relay and a site, or every door and site alike. The
 * number of the clause stands behind each; what one end decides alone stands with its owner. test/fixtures/protocol/limits.json
 * holds them for other languages.
 */
export const LIMITS = {
  bodyBytes: 16 * 1024, // 2.1
  jweChars: 4096, // 6.1
  receiptChars: 4096, // 5.2
  doorFrameBytes: 8 * 1024, // 4.6
  clientFrameBytes: 16 * 1024, // as 2.1, for the same commands over the socket
  eventDataBytes: 512, // 5.2
  eventsPerSecond: 10, // 5.2
  epochJump: 2 ** 20, // 5.1
  keepAlivesMissed: 3, // 5.5
  doorChallengeSeconds: 30, // 19.4
  freshnessMs: 60_000, // 6.5
  backoffMinMs: 500, // 5.6
  backoffMaxMs: 60_000, // 5.6
  paddingBytes: 256, // 6.2
} as const;

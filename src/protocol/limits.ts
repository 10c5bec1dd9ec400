/** Sizes and times the protocol fixes; the number of the clause stands behind each. */
export const LIMITS = {
  bodyBytes: 16 * 1024, // 2.1
  jweChars: 4096, // 6.1
  receiptChars: 4096, // 5.2
  doorFrameBytes: 8 * 1024, // 4.6
  clientFrameBytes: 16 * 1024, // as 2.1, for the same commands over the socket
  eventDataBytes: 512, // 5.2
  eventsPerSecond: 10, // 5.2
  epochJump: 2 ** 20, // 5.1
  keepAliveSeconds: 10, // 5.5
  keepAlivesMissed: 3, // 5.5
  challengeSeconds: 60, // 4.3
  doorChallengeSeconds: 30, // 19.4
  doorSessionSeconds: 24 * 3600, // 4.5
  enrolmentSeconds: 24 * 3600, // 4.1
  freshnessMs: 60_000, // 6.5
  inFlightPerDoor: 4, // 6.5
  commandStateSeconds: 600, // 6.7
  receiptSeconds: 60, // 6.7
  statusWaitMs: 2_000, // 7.5, and for a challenge 19.4
  clientPingMs: 20_000, // 7.7
  backoffMinMs: 500, // 5.6
  backoffMaxMs: 60_000, // 5.6
  unsentResults: 8, // 5.7
  unsentResultMs: 600_000, // 5.7
  paddingBytes: 256, // 6.2
  sendBufferBytes: 64 * 1024, // with more unread than this, a socket is not read from until its peer has caught up
  sendBufferMaxBytes: 1024 * 1024, // and with more than this it is ended at once
  slowReaderMs: 5_000, // a peer that has not caught up by then never reads
} as const;

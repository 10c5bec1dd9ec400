/** What the QR code of an enrolment holds (docs/doors.md). */
export interface EnrolmentLink {
  /** Origin the door calls. */
  readonly relay: string;
  readonly doorId: string;
  readonly enrolmentToken: string;
}

/** `openlock:enrol?v=1&relay=<origin>&door=<id>&token=<token>`, each value percent-encoded. */
export function enrolmentUri({ relay, doorId, enrolmentToken }: EnrolmentLink): string {
  return `openlock:enrol?v=1&relay=${encodeURIComponent(relay)}&door=${encodeURIComponent(doorId)}&token=${encodeURIComponent(enrolmentToken)}`;
}

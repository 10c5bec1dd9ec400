/** Which codes of protocol 9 an operation can answer with: its own, and those the pipeline adds for its kind. */
import { PROBLEMS, type ProblemCode } from '../protocol/problem.js';
import type { Route } from './route.js';

const EVERYWHERE: readonly ProblemCode[] = ['invalid_request', 'rate_limited', 'internal'];
const WITH_BODY: readonly ProblemCode[] = ['payload_too_large', 'unsupported_media_type'];
const BY_AUDIENCE: Readonly<Record<Route['audience'], readonly ProblemCode[]>> = {
  public: [],
  auth: ['forbidden_origin', 'store_unavailable'],
  device: ['forbidden_origin'],
  site: ['unauthenticated', 'token_expired', 'token_revoked', 'forbidden_origin', 'site_blocked', 'store_unavailable'],
};

/** In the order of protocol 9. */
export function problemCodesOf(route: Route): readonly ProblemCode[] {
  const codes = new Set<ProblemCode>([...EVERYWHERE, ...BY_AUDIENCE[route.audience], ...route.problems]);
  if (route.body !== undefined) WITH_BODY.forEach((code) => codes.add(code));
  if (route.block !== 'none') codes.add('ip_blocked');
  return (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => codes.has(code));
}

/** The same, by HTTP status. */
export function problemCodesByStatus(route: Route): ReadonlyMap<number, readonly ProblemCode[]> {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of problemCodesOf(route)) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return byStatus;
}

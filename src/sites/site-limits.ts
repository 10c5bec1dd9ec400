/** Numbers of protocol 3; the clause stands behind each. */
export const SITE_LIMITS = {
  /** Life of a login and its code. */
  loginSeconds: 900, // 3.1
  loginMails: 3, // 3.1
  loginMailWindowMs: 15 * 60_000, // 3.1
  wrongCodes: 5, // 3.2
  fetches: 5, // 3.2
  verifiedMs: 90 * 24 * 3600_000, // 3.2
  refreshSeconds: 30 * 24 * 3600, // 3.3
  refreshAgainMs: 10_000, // 3.3
} as const;

export type SiteLimits = { readonly [K in keyof typeof SITE_LIMITS]: number };

/** Numbers of protocol 3; the clause stands behind each. */
export const SITE_LIMITS = {
  /** Life of a login and its code. */
  loginSeconds: 900, // 3.1
  /** Within this logins, mails and wrong codes count together. */
  loginWindowMs: 15 * 60_000, // 3.1
  /** Of one e-mail and network (/24, /48): a stranger elsewhere cannot use up the owner's. */
  mailsOfNetwork: 3, // 3.1
  mailsOfEmail: 10, // 3.1
  /** Of one address (IPv6: /64); what comes above it mails nothing. */
  loginsOfAddress: 20, // 3.1
  /** Of one address: above it logins are not even remembered. */
  pendingOfAddress: 64, // 8.4
  /** Of one network (/24, /48), mailed ones: whoever has many addresses in it cannot take the room of everybody. */
  loginsOfNetwork: 200, // 8.4
  /** In all: about 60 MB of the store. Above it logins are refused; those that mail nothing may take half. */
  pendingLogins: 50_000, // 8.4
  /** They end their login. */
  wrongCodes: 5, // 3.2
  /** Over all logins of an e-mail and all addresses; then its logins wait. */
  wrongCodesOfEmail: 15, // 3.2
  fetches: 5, // 3.2
  verifiedMs: 90 * 24 * 3600_000, // 3.2
  refreshSeconds: 30 * 24 * 3600, // 3.3
  refreshAgainMs: 10_000, // 3.3
} as const;

export type SiteLimits = { readonly [K in keyof typeof SITE_LIMITS]: number };

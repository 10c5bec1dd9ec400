/** What operators see of websites and do to them (protocol 3.4, 11.2). */
import type { Acting } from '../audit/entry.js';
import type { SiteService } from '../sites/site-service.js';
import type { SiteRecord } from '../store/site-store.js';

export class SiteAdmin {
  readonly #sites: SiteService;
  readonly #by: Acting;

  constructor({ sites, by }: { readonly sites: SiteService; readonly by: Acting }) {
    this.#sites = sites;
    this.#by = by;
  }

  /** All sites, the oldest first. */
  list(): Promise<readonly SiteRecord[]> {
    return this.#sites.list();
  }

  /** Ends the sessions of the sites named and refuses them, on every relay; gives them as they are now. Throws `not_found`, `invalid_request`. */
  block(siteIdOrOrigin: string): Promise<readonly SiteRecord[]> {
    return this.#sites.block(siteIdOrOrigin, this.#by);
  }

  /** Lets them log in again. Throws `not_found`, `invalid_request`. */
  unblock(siteIdOrOrigin: string): Promise<readonly SiteRecord[]> {
    return this.#sites.unblock(siteIdOrOrigin, this.#by);
  }
}

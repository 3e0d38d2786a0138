import type { DetailedPeerCertificate } from 'node:tls';
export interface SiteTrust {
    caPem: string;
    /** The conductor's clock, unverified: good enough to notice that our own is off by hours. */
    serverTime: Date | undefined;
}
/** The pinned certificate among those of a chain; the chain of a broken peer may be circular. */
export declare function findInChain(leaf: DetailedPeerCertificate | undefined, digest: string): Buffer | undefined;
/** The pinned certificate among the PEM blocks of a text (or the text being DER itself). */
export declare function findInBody(body: Buffer, digest: string): Buffer | undefined;
/**
 * Throws an Error that says what was found instead. `caDigest`: lower-case hexadecimal SHA-256 of the DER. `localAddress`: to call from,
 * the host's choice when absent.
 */
export declare function fetchSiteTrust(apiUrl: string, caDigest: string, localAddress?: string): Promise<SiteTrust>;

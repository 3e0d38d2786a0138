import type { Heartbeat, LookupAnswer } from '../shared/agent-protocol.ts';
export interface ClientOptions {
    apiUrls: string[];
    /** SHA-256 of the site CA; https without one is refused. */
    caDigest?: string | undefined;
    requestId?: string | undefined;
    /** The address to call from; the host's choice when absent. */
    localAddress?: string | undefined;
    log(message: string): void;
    /** Told once, with the certificate that later connections are verified against. */
    onTrust?(trust: {
        caPem: string;
        serverTime: Date | undefined;
    }): Promise<void>;
}
export interface ConductorClient {
    /** One try at each URL. Throws ConductorError. `localAddress` is the source address of the route that worked. */
    lookup(query: {
        addresses: string[];
        nodeUuid?: string | undefined;
    }): Promise<{
        answer: LookupAnswer;
        localAddress: string;
    }>;
    heartbeat(nodeUuid: string, body: Heartbeat): Promise<void>;
}
/** status 0: nobody answered. */
export declare class ConductorError extends Error {
    readonly status: number;
    constructor(status: number, message: string);
}
export declare function createConductorClient(options: ClientOptions): ConductorClient;

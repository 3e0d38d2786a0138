export interface KernelParameters {
    /** Base URLs of the conductors' agent APIs, in the order to try. */
    apiUrls: string[];
    /** A token that came with the boot medium instead of with the lookup. */
    agentToken?: string;
    /** MAC of the interface that booted, lower-case with colons. */
    bootMac?: string;
    /** SHA-256 of the site CA certificate's DER, lower-case hexadecimal. */
    caDigest?: string;
    nodeUuid?: string;
    listenPort: number;
    advertiseHost?: string;
    advertisePort?: number;
    lookupTimeoutMs: number;
    /** How long an image source may be silent, and how often it is asked again without one new byte; the agent's defaults when absent. */
    imageStallMs?: number;
    imageTries?: number;
    /** Sent with every request to the conductor, so that one id runs from the API call to here. */
    requestId?: string;
}
/** Unknown parameters are the kernel's own business; the last of a repeated one wins. Malformed values of ours throw an Error that says which. */
export declare function parseKernelParameters(line: string): KernelParameters;

export interface DownloadOptions {
    /** Tried in order; all must hold the same bytes. */
    urls: string[];
    /** Value of the Authorization header, sent to the URL's own origin only. */
    authorization?: string | undefined;
    /** A certificate authority trusted besides the public ones. */
    caPem?: string | undefined;
    /** False: an https server is believed whatever it shows. */
    verify?: boolean | undefined;
    /** What is fetched, in messages; default `image`. */
    what?: string | undefined;
    maxBytes: number;
    signal: AbortSignal;
    /** Called before the first byte, when the length is known by then; throw to refuse it. */
    onLength?(totalBytes: number | undefined): void | Promise<void>;
    push(bytes: Uint8Array): Promise<void> | undefined;
    /** A sink that has memory of its own names it here and is told how much of it was filled; then push() is used for the odd bytes only. */
    space?(): Uint8Array;
    filled?(bytes: number): Promise<void> | undefined;
    log(message: string): void;
    /** No connection or no answer for so long: the try has failed. */
    connectTimeoutMs?: number;
    /** In each window of this length at least `minWindowBytes` must come, unless it was us who could not take them. */
    stallWindowMs?: number;
    minWindowBytes?: number;
    /** Tries in a row without one new byte, and the pause before the n-th. */
    tries?: number;
    retryDelayMs?(attempt: number): number;
}
/** Resolves with the number of bytes when the whole image went through `push`. Faults: ImageDownloadError, DiskTooSmall, CommandAborted. */
export declare function download(options: DownloadOptions): Promise<number>;

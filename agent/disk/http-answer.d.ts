export interface BodyReceiver {
    /** Memory for the next bytes, at least one; undefined: hand them to take() instead. */
    space(): Uint8Array | undefined;
    /** So many bytes were put into the last space(). A promise means: nothing more before it resolves. */
    filled(bytes: number): Promise<void> | undefined;
    take(bytes: Uint8Array): Promise<void> | undefined;
}
export interface HttpAnswer {
    status: number;
    /** Names in lower case. */
    headers: Record<string, string | undefined>;
    /** Streams the body; resolves at its end, rejects when the connection broke, when the receiver threw, or when it was destroyed. */
    body(receiver: BodyReceiver): Promise<void>;
    destroy(error?: Error): void;
}
export interface AskOptions {
    signal: AbortSignal;
    /** Certificate authorities for https. */
    ca?: string[] | undefined;
    /** False: whoever answers is believed. */
    verify?: boolean | undefined;
    /** No answer's head within so long is an error. */
    timeoutMs: number;
}
export declare function httpGet(url: URL, headers: Record<string, string>, options: AskOptions): Promise<HttpAnswer>;
/** By node:http or node:https; any kind of body. */
export declare function nodeGet(url: URL, headers: Record<string, string>, { signal, ca, timeoutMs, verify }: AskOptions): Promise<HttpAnswer>;
/** Plain HTTP over a socket of our own. Only bodies with a Content-Length can be read. */
export declare function plainGet(url: URL, headers: Record<string, string>, { signal, timeoutMs }: AskOptions): Promise<HttpAnswer>;

export interface HeartbeatOptions {
    send(): Promise<void>;
    /** The conductor's patience (heartbeat_timeout), in milliseconds; the interval is 0.3 to 0.6 of it. */
    timeoutMs: number;
    random(): number;
    log(message: string): void;
}
export interface HeartbeatLoop {
    /** Sends now, or right after the one that is under way. */
    beat(): void;
    stop(): void;
}
/** The first heartbeat leaves immediately. */
export declare function startHeartbeat({ send, timeoutMs, random, log }: HeartbeatOptions): HeartbeatLoop;

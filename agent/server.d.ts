import type { CommandRunner } from './command-runner.ts';
export interface ServerOptions {
    runner: CommandRunner;
    token: string;
    version: string;
    /** Without one the API is plain HTTP: for conductors whose own URL is http://. */
    tls?: {
        certPem: string;
        keyPem: string;
    } | undefined;
    host: string;
    port: number;
    /** Seconds since 1970. */
    startedAt: number;
    log(message: string): void;
}
export interface AgentServer {
    readonly port: number;
    close(): Promise<void>;
}
export declare function startServer(options: ServerOptions): Promise<AgentServer>;

import type { Command } from './command.ts';
import type { Machine } from './machine.ts';
export declare const VERSION = "ferrule-0.1.0";
export interface AgentOptions {
    /** The kernel's command line, which says where the conductors are. */
    readonly commandLine: string;
    readonly machine: Machine;
    log(message: string): void;
    /** Ends whatever is under way: the start, and afterwards the agent. */
    readonly signal?: AbortSignal;
    /** The one address to listen at and to call from; all of the host's when absent. */
    readonly address?: string;
    /** Commands besides the built-in ones. */
    readonly moreCommands?: readonly Command[];
    /** Told the conductor's clock once the site's certificate authority is pinned, before anything is verified or made with ours. */
    onServerTime?(serverTime: Date | undefined): Promise<void>;
}
export interface Agent {
    /** Stops listening and calling and aborts what runs; resolves when nothing of it is left. */
    close(): Promise<void>;
}
/** A restart would not help: somebody else was given this boot's token. */
export declare class Locked extends Error {
}
/** Resolves when the agent listens and its first heartbeat is on its way. Throws Locked, or when nobody knows this machine in time. */
export declare function startAgent(options: AgentOptions): Promise<Agent>;

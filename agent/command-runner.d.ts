import type { AgentConfig, AgentNode, CommandResult } from '../shared/agent-protocol.ts';
import type { Command, CommandContext } from './command.ts';
import type { Machine } from './machine.ts';
export interface CommandRunner {
    /** Parses and starts. Throws AgentFault when refused. `done` resolves (never rejects) when the command has ended. */
    start(body: unknown): {
        result: CommandResult;
        kind: Command['kind'];
        done: Promise<void>;
    };
    list(): CommandResult[];
    /** Throws RequestedObjectNotFound. */
    get(id: string): {
        result: CommandResult;
        done: Promise<void>;
    };
    /** Asks a running command to stop; it ends as FAILED with CommandAborted. */
    abort(id: string): void;
    /** Aborts what runs and forgets farewells that are due; resolves when nothing runs any more. */
    close(): Promise<void>;
}
export interface RunnerOptions {
    commands: readonly Command[];
    machine: Machine;
    node: AgentNode;
    config: AgentConfig;
    boot?: CommandContext['boot'];
    log(message: string): void;
    /** Called when an asynchronous command has ended: the time for a heartbeat. */
    onEnd(): void;
}
export declare function createCommandRunner(options: RunnerOptions): CommandRunner;

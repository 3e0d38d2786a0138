import http from 'node:http';
import type { AgentNode } from '../shared/agent-protocol.ts';
import type { CommandContext } from './command.ts';
import type { BlockDevice } from './disk/block-devices.ts';
import type { Machine } from './machine.ts';
export declare const MIB: number;
export declare const GIB: number;
export declare const sha256: (bytes: Uint8Array) => string;
/** Bytes that do not compress and are the same for the same seed (xorshift32). */
export declare function noise(length: number, seed?: number): Buffer;
export declare function temporaryFolder(): Promise<{
    path: string;
    [Symbol.asyncDispose](): Promise<void>;
}>;
/** A sparse file as a disk, filled with 0xA5 where `dirty`. */
export declare function fileDisk(folder: string, name: string, sizeBytes: number, facts?: Partial<BlockDevice> & {
    dirty?: boolean;
}): Promise<BlockDevice>;
export declare const diskBytes: (disk: BlockDevice) => Promise<Buffer>;
export interface FakeMachine extends Machine {
    /** What was done that cannot be undone: 'sync', 'powerOff', 'reboot', 'leave'. */
    did: string[];
}
export declare function fakeMachine(disks?: BlockDevice[], facts?: Partial<Machine>): FakeMachine;
export declare const testNode: AgentNode;
export declare function fakeContext(machine: Machine, facts?: Partial<CommandContext>): CommandContext & {
    lines: string[];
};
/** A server on the loopback interface; `close` ends every connection. */
export declare function serveHttp(listener: http.RequestListener): Promise<{
    url: string;
    [Symbol.asyncDispose](): Promise<void>;
}>;
/** Serves one body with length, ETag and ranges, as an image server does. */
export declare const serveBytes: (bytes: Buffer, seen?: http.IncomingHttpHeaders[]) => http.RequestListener;

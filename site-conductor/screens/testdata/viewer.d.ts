import { type Socket } from 'node:net';
import type { ScreenInfo } from '../door.ts';
export interface Viewer {
    readonly socket: Socket;
    /** What it is called. */
    readonly name: string;
    press(keysym: number): void;
    readonly ended: Promise<unknown>;
}
/** Throws what it is told instead of being let in. */
export declare function view({ address, password }: ScreenInfo): Promise<Viewer>;

import { runTool } from '../tool.ts';
import type { BlockDevice } from './block-devices.ts';
type Run = (program: string, args: string[], options?: {
    timeoutMs?: number;
}) => ReturnType<typeof runTool>;
export type OwnErase = {
    readonly how: string;
} | {
    readonly cannot: string;
};
export declare function eraseItself(device: BlockDevice, run?: Run): Promise<OwnErase>;
/** NVM Express Base 2.0 §5.17 (OACS, NN, FNA) and §5.14 (Format NVM, SES). */
export declare function nvmeFormat(path: string, run?: Run): Promise<OwnErase>;
/** What `hdparm -I` says of a disk's Security feature set; undefined where it has none. */
export interface AtaSecurity {
    readonly enabled: boolean;
    readonly locked: boolean;
    readonly frozen: boolean;
    readonly expired: boolean;
    readonly enhanced: boolean;
}
export declare function parseAtaSecurity(text: string): AtaSecurity | undefined;
/** ACS-4 §7.42: SECURITY SET PASSWORD, SECURITY ERASE PREPARE and UNIT. */
export declare function ataErase(path: string, run?: Run): Promise<OwnErase>;
export {};

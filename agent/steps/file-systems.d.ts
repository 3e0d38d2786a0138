import type { CommandContext } from '../command.ts';
import { type FileSystem } from '../disk/file-system.ts';
export interface FoundFileSystem {
    readonly device: string;
    readonly type: FileSystem;
}
/** `partition`: a number on the root disk, or a device node. Throws DeviceNotFound for one that is not there or has nothing that can be mounted. */
export declare function fileSystemsFor(context: CommandContext, partition: number | string | undefined): Promise<FoundFileSystem[]>;

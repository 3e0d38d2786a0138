import type { BlockDevice } from './disk/block-devices.ts';
import type { BlockTarget, DiskAccess } from './disk/block-target.ts';
import { type OwnErase } from './disk/own-erase.ts';
import { type SoftwareRaid } from './disk/md-arrays.ts';
import { IscsiTarget } from './disk/iscsi-target.ts';
export interface Machine {
    /** Where /sys, /proc and /dev are found; `/` on a real machine. */
    readonly root: string;
    /** PEM of the site's certificate authority, once pinned; image servers are verified against it and the public roots. */
    caPem: string | undefined;
    /** Arrays, too, once they are put together. */
    listDisks(): Promise<BlockDevice[]>;
    openDisk(device: BlockDevice, access?: DiskAccess): Promise<BlockTarget>;
    /** The disk's own erase, of everything on it; absent where no disk has one. */
    eraseItself?(device: BlockDevice): Promise<OwnErase>;
    /** Makes the kernel read the partition table again; says why not instead of failing. */
    rereadPartitions(device: BlockDevice): Promise<string | undefined>;
    /** Mounts the file system of a block device while `use` runs, for reading unless told otherwise. Throws when it cannot be mounted. */
    withFileSystem<T>(device: string, type: string, use: (folder: string) => Promise<T>, access?: 'read' | 'write'): Promise<T>;
    /** Software RAID; absent where that is not possible. */
    readonly raid?: SoftwareRaid;
    /** Lets a conductor write a disk over the network; absent where that is not possible. */
    readonly iscsi?: IscsiTarget;
    memAvailableBytes(): Promise<number>;
    /** 0 ≤ x < 1. */
    random(): number;
    /** Milliseconds of a clock that never goes back. */
    mono(): number;
    sync(): Promise<void>;
    powerOff(): Promise<void>;
    reboot(): Promise<void>;
    /** Ends the agent and leaves the ramdisk, which stays up, to whoever logs in. */
    leave(): Promise<void>;
    /** The agent's own recent lines and the kernel's, for log.collect_system_logs. */
    logs(): Promise<Record<string, string>>;
}
/** MemAvailable of /proc/meminfo, in bytes; 0 when it cannot be read. */
export declare function readMemAvailable(root: string): Promise<number>;
/** The machine that this process runs on. `recentLog` gives the agent's own lines. */
export declare function realMachine(recentLog: () => string): Machine;

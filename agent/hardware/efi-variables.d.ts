export interface BootEntry {
    /** Boot0007. */
    readonly name: string;
    readonly description: string;
    /** Where it leads, as efibootmgr shows it. */
    readonly path: string;
    /** The machine was started by it, or is to be next. */
    readonly isInUse: boolean;
}
export interface BootMenu {
    /** By their numbers; without those that cannot be read. */
    entries(): Promise<BootEntry[]>;
    /** Names of entries(). */
    remove(names: readonly string[]): Promise<void>;
    /** Puts an entry first; one of the same description is replaced, and no others of it are left. Answers its name, Boot0007. */
    putFirst(description: string, entry: Buffer): Promise<string>;
}
/** Undefined when the machine was not booted by UEFI. `root`: where /sys is found. */
export declare function bootMenu(root: string): Promise<BootMenu | undefined>;

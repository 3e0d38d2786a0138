import { runTool } from '../tool.ts';
export interface MdArray {
    /** /dev/md127 */
    readonly path: string;
    /** As mdadm writes it: 01234567:89abcdef:01234567:89abcdef; '' where the kernel cannot say. */
    readonly uuid: string;
    readonly name: string;
    readonly isRoot: boolean;
    /** Partitions that it is made of. */
    readonly members: readonly string[];
    /** What the array has of each, where the kernel says it: by path. */
    readonly spans: Readonly<Record<string, Span>>;
}
/** Of a member, in bytes. In front of the data are superblock and bitmap; what is behind it is nobody's. */
export interface Span {
    readonly dataAt: number;
    readonly dataBytes: number;
}
export interface NewArray {
    readonly name: string;
    readonly isRoot: boolean;
    /** As mdadm calls it: 1, 10, 5. */
    readonly level: string;
    readonly members: readonly string[];
}
export interface SoftwareRaid {
    /** Puts those of these UUIDs together, where that is possible. Answers all that the kernel has, running or not. */
    list(uuids: readonly string[]): Promise<MdArray[]>;
    /** Answers its UUID. */
    create(array: NewArray): Promise<string>;
    /** Its members are free, and keep what is on them. */
    stop(array: MdArray): Promise<void>;
    /** Its members are members no more. */
    delete(array: MdArray): Promise<void>;
}
/** Of a volume's name, what a superblock keeps. */
export declare const shortName: (name: string) => string;
type Run = typeof runTool;
export declare function mdArrays(root: string, run?: Run): SoftwareRaid;
/** What `mdadm --detail --export` says; an array that does not run may say nothing. */
export declare function parseDetail(text: string): Pick<MdArray, 'uuid' | 'name' | 'isRoot'>;
/** Whether the member is the disk, or a partition of it. */
export declare const isOn: (disk: string, member: string) => boolean;
export declare function arraysOn(disk: string, arrays: readonly MdArray[]): MdArray[];
/** /dev/sda and 2: /dev/sda2; a name that ends with a digit takes a p between. */
export declare function partitionPath(disk: string, number: number): string;
export {};

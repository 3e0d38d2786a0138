export interface IscsiExport {
    readonly iqn: string;
    readonly port: number;
    /** The block device, or a file that stands for one. */
    readonly path: string;
    /** What the initiator must know (RFC 7143 §12.1.3); undefined: anybody may log in. */
    readonly chap?: {
        readonly username: string;
        readonly secret: string;
    } | undefined;
    /** The one address that may log in; undefined: any. */
    readonly initiator?: string | undefined;
    /** Called once, when the export has ended: by stop(), by a later export, or because its server is gone. */
    readonly onEnd?: (why: string) => void;
}
export interface IscsiTargetOptions {
    /** For tgtd's control socket. */
    readonly folder: string;
    /** The address to listen at; by default all of the initiator's family. */
    readonly listen?: string;
    /** Instead of the port that is asked for: where several machines share a host. */
    readonly port?: number;
}
export declare class IscsiTarget {
    #private;
    constructor(options: IscsiTargetOptions);
    /** What is exported now. */
    get current(): IscsiExport | undefined;
    /** The name under which this machine's disk was exported last, whether or not it still is. */
    get lastIqn(): string | undefined;
    /** LUN 1 is there, for whom it is meant, when this resolves with its port. Faults: CommandExecutionError, CommandAborted. */
    start(wanted: IscsiExport, signal: AbortSignal): Promise<number>;
    /** Ends the target and every session; true when there was one. What initiators wrote is then in the kernel's hands, not yet on the disk. */
    stop(): Promise<boolean>;
}

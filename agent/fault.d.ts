import type { AgentError } from '../shared/agent-protocol.ts';
/** HTTP status of each kind; the names are those of ironic-python-agent where it has one, so that its conductor reads them. */
declare const codes: {
    readonly InvalidContent: 400;
    readonly InvalidCommandError: 400;
    readonly InvalidCommandParamsError: 400;
    readonly Unauthorized: 401;
    readonly RequestedObjectNotFound: 404;
    readonly ImageDownloadTimeout: 408;
    readonly AgentIsBusy: 409;
    readonly StaleEpoch: 409;
    readonly CommandAborted: 500;
    readonly CommandExecutionError: 500;
    readonly DeviceNotFound: 404;
    readonly DiskTooSmall: 500;
    readonly DiskReadError: 500;
    readonly DiskWriteError: 500;
    readonly ImageDownloadError: 500;
    readonly ImageChecksumError: 500;
    readonly InvalidImage: 500;
    readonly ImageWriteError: 500;
    readonly InvalidConfigDrive: 500;
    readonly PartitionTableError: 500;
    readonly SoftwareRAIDError: 500;
    readonly BootEntryError: 500;
    readonly VersionMismatch: 500;
};
export type FaultType = keyof typeof codes;
export declare class AgentFault extends Error {
    readonly type: FaultType;
    readonly details: string;
    constructor(type: FaultType, message: string, details?: string);
    get code(): number;
}
/** Any thrown thing as the error body of the wire; lengths are those of the schema. */
export declare function toAgentError(thrown: unknown): AgentError;
export {};

export declare const getPartitionUuids: import("../command.ts").Command;

export declare const collectSystemLogs: import("../command.ts").Command;

export declare const digestDisk: import("../command.ts").Command;

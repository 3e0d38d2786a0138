export declare const finishDisk: import("../command.ts").Command;

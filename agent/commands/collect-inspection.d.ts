export declare const collectInspection: import("../command.ts").Command;

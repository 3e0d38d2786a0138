export declare const sync: import("../command.ts").Command;

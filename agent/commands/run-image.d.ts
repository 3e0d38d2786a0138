export declare const runImage: import("../command.ts").Command;

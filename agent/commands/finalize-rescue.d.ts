export declare const finalizeRescue: import("../command.ts").Command;

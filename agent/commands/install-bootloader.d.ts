/** By this name the next deployment finds the entry that it replaces. */
export declare const DESCRIPTION = "Ferrule instance";
export declare const installBootloader: import("../command.ts").Command;

export declare const executeCleanStep: import("../command.ts").Command;

export declare const getCleanSteps: import("../command.ts").Command;

export declare const executeDeployStep: import("../command.ts").Command;

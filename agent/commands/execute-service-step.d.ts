export declare const executeServiceStep: import("../command.ts").Command;

export declare const getDeploySteps: import("../command.ts").Command;

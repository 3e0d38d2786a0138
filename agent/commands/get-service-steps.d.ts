export declare const getServiceSteps: import("../command.ts").Command;

export declare const getHardwareInfo: import("../command.ts").Command;

export declare const powerOff: import("../command.ts").Command;
